"""Run folders: written whole or not at all, and trusted only by their model card.

A stage writes `OUT.tmp`, then `model_card.json` last, and renames the folder into place. A later stage loads the card,
which names every file with its sha256; what the card does not vouch for is an error.
"""

import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any, TypedDict

from tinyasc import recipe
from tinyasc.errors import UserError

FORMAT = 1
CARD = "model_card.json"
# Packages whose version can change a number in a run.
RECORDED_PACKAGES = (
    "torch",
    "lightning-fabric",
    "torchaudio",
    "hear21passt",
    "numpy",
    "onnx",
    "onnxruntime",
    "ai-edge-litert",
)


class FileDigest(TypedDict):
    """What a card says of a file."""

    sha256: str
    bytes: int


class Ancestor(TypedDict):
    """What a card says of a run that its own came from: what that run's card says, and the sha256 of that card."""

    stage: str
    architecture: str
    config: dict[str, Any]
    cost: dict[str, int]
    accuracy: dict[str, Any]
    sha256: str


@dataclass(frozen=True)
class ModelCard:
    """What a run is, where it came from and what is in it."""

    stage: str
    """teacher, student, qat, ptq or export: also the make target that makes such a run."""
    architecture: str
    """Name in `tinyasc.models`."""
    config: dict[str, Any]
    """The architecture's configuration."""
    mel: dict[str, Any] | None
    """Settings of the front-end (`tinyasc.mel.MelConfig`); none: the network takes the waveform."""
    labels: list[str]
    """Class names in the order of the logits."""
    cost: dict[str, int]
    """Parameters, MACs and bytes."""
    accuracy: dict[str, Any]
    """On the test split, as `tinyasc.metrics.Score.to_dict` gives it."""
    data: dict[str, Any]
    """Checksum of the data set and the devices that were heard in training."""
    seed: int
    """Seed of every random choice of the stage."""
    lineage: list[Ancestor] = field(default_factory=list)
    """Summaries of the runs this one came from, oldest first (`lineage_of`)."""
    files: dict[str, FileDigest] = field(default_factory=dict)
    """sha256 and bytes of every file in the folder; filled in by `new_run`."""
    format: int = FORMAT
    """Number of this card's format."""
    git_commit: str | None = None
    """Commit of the checkout that made the run, with `+` when it had uncommitted changes."""
    command: str = ""
    """The command line that made the run."""
    versions: dict[str, str] = field(default_factory=dict)
    """Versions of Python and of the packages that can change a number."""


class Run:
    """A run folder being written; set `card` before the `with new_run(...)` block ends."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.card: ModelCard | None = None

    def path(self, name: str) -> Path:
        """Where the file `name` of this run is to be written."""
        return self.folder / name


def check_out(out: Path) -> None:
    """Whether a run can be written there.

    Raises:
        UserError: `out` exists and is not a run folder.
    """
    if out.exists() and not (out / CARD).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} exists and is not a run folder: choose another --out or move it away")


def check_files(*paths: Path | None) -> None:
    """Whether files can be written there, before the work whose result they are to hold; none: not asked for.

    Raises:
        UserError: a folder, a device (a file that is written whole would replace it), or a place where `check_folder`
            finds nothing can be written.
    """
    for path in paths:
        if path is None:
            continue
        if path.is_dir():
            raise UserError(f"{path} is a folder: name the file to write")
        if path.exists() and not path.is_file():
            raise UserError(f"{path} is no file but a device or a pipe: name a file to write")
        check_folder(path.parent)


def check_folder(path: Path) -> None:
    """Whether files can be written into a folder, which is made if need be, before the work that is to go there.

    Raises:
        UserError: it is a file or lies below one, or what is there of it may not be written.
    """
    there = next(above for above in (path, *path.parents) if above.exists())
    if not there.is_dir():
        where = f"{path} is a file" if there == path else f"{path} lies below {there}, which is no folder"
        raise UserError(f"{where}: name another folder to write to")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"nothing can be written to {there}: name another folder than {path}")


@contextmanager
def new_run(out: Path) -> Iterator[Run]:
    """Write a run folder at `out`, complete or not at all; an older run there is replaced only by a complete one.

    Raises:
        UserError: `out` exists and is not a run folder.
    """
    out = Path(out).resolve()
    temporary, old = out.with_name(out.name + ".tmp"), out.with_name(out.name + ".old")
    if old.exists() and not out.exists():  # stopped between the two renames below
        old.rename(out)
    check_out(out)
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    temporary.mkdir(parents=True)
    run = Run(temporary)
    try:
        yield run
        if run.card is None:
            raise RuntimeError("a run needs a model card before it can be finished")
        resolved = recipe.resolved()
        if resolved is not None:
            run.path("recipe.yaml").write_text(resolved)
        card = replace(
            run.card, files=_describe(temporary), git_commit=_git_commit(), command=command_line(), versions=_versions()
        )
        run.path(CARD).write_text(json.dumps(asdict(card), indent=1) + "\n")
        for file in temporary.rglob("*"):
            _sync(file)
        _sync(temporary)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    if out.exists():
        out.rename(old)
    temporary.rename(out)
    _sync(out.parent)
    shutil.rmtree(old, ignore_errors=True)


def load_card(run: Path, *stages: str) -> ModelCard:
    """Read and verify the card of a run folder and every file it names.

    Args:
        run: the run folder.
        *stages: of which the run must be one, if it matters; the first is named where there is none.

    Raises:
        UserError: no run there, another stage or format, or a file that is missing or not the one that was written.
    """
    run = Path(run)
    path = run / CARD
    wanted, ways = " or ".join(stages), " or ".join(f"`make {stage}`" for stage in stages or ("student",))
    if not path.is_file():
        raise UserError(f"no {wanted or 'model'} run at {run}: {ways} makes it")
    try:
        content = json.loads(path.read_text())
        found = content["format"]
        card = ModelCard(**content) if found == FORMAT else None
        hashes = {} if card is None else {name: described["sha256"] for name, described in card.files.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is not a model card ({error!r}): make the run again") from error
    if card is None:
        raise UserError(f"{path} has format {found}, this version reads {FORMAT}: make the run again")
    if stages and card.stage not in stages:
        raise UserError(f"{run} is of the stage {card.stage}, one of {wanted} is needed: {ways} makes it")
    for name, sha256 in hashes.items():
        file = run / name
        if not file.is_file():
            raise UserError(f"{file} is missing: make the run again with `make {card.stage}`")
        if file_sha256(file) != sha256:
            raise UserError(f"{file} is not the file its card describes: make the run again with `make {card.stage}`")
    return card


def lineage_of(parents: Sequence[Path]) -> list[Ancestor]:
    """Summaries of the parent runs and all their ancestors, oldest first, each once."""
    seen: dict[str, Ancestor] = {}
    for parent in parents:
        card = load_card(parent)
        own = Ancestor(
            stage=card.stage,
            architecture=card.architecture,
            config=card.config,
            cost=card.cost,
            accuracy=card.accuracy,
            sha256=file_sha256(Path(parent) / CARD),
        )
        for entry in [*card.lineage, own]:
            seen.setdefault(entry["sha256"], entry)
    return list(seen.values())


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def command_line() -> str:
    """The running command as a person would type it."""
    main = sys.modules["__main__"].__spec__
    program = ["python", "-m", main.name.removesuffix(".__main__")] if main else sys.argv[:1]
    return shlex.join([*program, *sys.argv[1:]])


def atomic_write(path: Path, content: bytes | memoryview) -> None:
    """Write a file that is there whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.write_bytes(content)
        _sync(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _describe(folder: Path) -> dict[str, FileDigest]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): {"sha256": file_sha256(path), "bytes": path.stat().st_size} for path in files
    }


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _git_commit() -> str | None:
    try:
        git = ["git", "-C", str(Path(__file__).parent)]
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+" if changed else "")


def _versions() -> dict[str, str]:
    installed = {"python": platform.python_version()}
    for package in RECORDED_PACKAGES:
        try:
            installed[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return installed
