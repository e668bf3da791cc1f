"""What is judged: an exported run with all its files, or one foreign .tflite or .onnx file.

A run's model card says what it hears and answers. Of a foreign file the caller says it, as far as it is needed.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.measure.figure import path_of
from deploy import runtime
from deploy.runtime import Model
from tinyasc import artifact, front_end
from tinyasc.artifact import ModelCard
from tinyasc.errors import UserError
from tinyasc.front_end import FrontEnd

INT8, FLOAT = "model.tflite", "model_float.tflite"
TITLES = {INT8: "INT8 .tflite", FLOAT: "float .tflite", "model.onnx": "INT8 .onnx", "model_float.onnx": "float .onnx"}
"""The networks of an export run and what the report calls them."""
COMPANIONS = {
    f"{stem}{kind}.{suffix}": f"{name} .{suffix}{inside}"
    for stem, kinds, inside in (
        ("drop_in", {"": "INT8", "_float": "float", "_float16": "float16"}, ", drop-in"),
        ("model", {"_float16": "float16"}, ""),
    )
    for kind, name in kinds.items()
    for suffix in ("tflite", "onnx")
}
"""What an export run may have beside them: drop-ins, which take the waveform and give scores, and variants in float."""


@dataclass(frozen=True)
class File:
    """One file that is judged."""

    path: Path
    title: str
    """What the report calls it."""
    bytes: int
    sha256: str
    integer: bool
    """Whether it takes and gives integers."""
    drop_in: bool
    """Whether it stands beside the network of a run that it was made of: takes a waveform and gives scores."""


@dataclass(frozen=True)
class Subject:
    """Everything that is judged together."""

    name: str
    """Of the run or the file, as a person calls it."""
    files: dict[str, File]
    """By file name: the headline first, then what it is compared with, then its companions."""
    headline: str
    """The file that the verdict is about."""
    reference: str | None
    """Its float twin; None: there is none."""
    card: ModelCard | None
    """Of the run; None: a foreign file."""
    mel: FrontEnd
    """What its networks hear; none: the waveform itself, or it is not known."""

    @property
    def networks(self) -> list[str]:
        """The files that take what the front-end gives, in the order of `files`."""
        return [name for name, file in self.files.items() if not file.drop_in]

    @property
    def main(self) -> list[str]:
        """The networks that everything is found out about: of a run those of TITLES, variants are not."""
        return [name for name in self.networks if self.card is None or name not in COMPANIONS]

    @property
    def drop_ins(self) -> dict[str, str]:
        """Drop-in -> the network that it was made of; one of float16 is held to the float network."""
        return {
            name: name.replace("drop_in", "model").replace("_float16", "_float")
            for name, file in self.files.items()
            if file.drop_in
        }

    @property
    def costly(self) -> list[str]:
        """What is measured where every file costs much time: the main networks, and the drop-in of the headline."""
        return [*self.main, *(name for name, network in self.drop_ins.items() if network == self.headline)]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Networks whose answers are compared: the headline with its float twin, and with its other format."""
        pairs = [] if self.reference is None else [(self.headline, self.reference)]
        return pairs + ([] if self.card is None else [(INT8, "model.onnx")])

    @property
    def paths(self) -> dict[str, Path]:
        """File name -> where it lies."""
        return {name: file.path for name, file in self.files.items()}

    def load(self, names: Iterable[str]) -> dict[str, Model]:
        """These files in their default runtimes, on one thread."""
        return {name: runtime.load(self.files[name].path) for name in names}

    def content(self) -> dict[str, Any]:
        """kind ("run" or "file"), name, headline, reference, mel (settings of the front-end, or null), files: name ->
        title, bytes, sha256, integer, drop_in."""
        files = {name: {k: v for k, v in asdict(file).items() if k != "path"} for name, file in self.files.items()}
        kind = "file" if self.card is None else "run"
        return {
            "kind": kind,
            "name": self.name,
            "headline": self.headline,
            "reference": self.reference,
            "mel": None if self.mel is None else asdict(self.mel),
            "files": files,
        }


def of(model: Path, reference: Path | None = None, mel: FrontEnd = None) -> Subject:
    """What lies at `model`: an export run, or a file.

    Args:
        model: run folder, .tflite or .onnx.
        reference: the float twin of a file; a run has its own.
        mel: front-end of a file; a run's card names its own.

    Raises:
        UserError: neither, a run that lacks a network, a file that no runtime loads, or a reference or a front-end
            for a run.
    """
    if model.is_file() or (model.suffix in (".tflite", ".onnx") and not model.exists()):
        return _of_file(model, reference, mel)
    for given, flag in ((reference, "--reference"), (mel, "--mel")):
        if given is not None:
            raise UserError(f"{flag} is for a single file; the run {model} has its own: leave it out")
    card = artifact.load_card(model, "export")
    missing = [name for name in TITLES if name not in card.files]
    if missing:
        raise UserError(f"{model} lacks {', '.join(missing)}: make it again with `make export`")
    titles = TITLES | {name: title for name, title in COMPANIONS.items() if name in card.files}
    files = {name: _file(model / name, title, drop_in=name.startswith("drop_in")) for name, title in titles.items()}
    return Subject(model.resolve().name, files, INT8, FLOAT, card, front_end.from_card(card.mel))


def _of_file(model: Path, reference: Path | None, mel: FrontEnd) -> Subject:
    files = {model.name: _file(model, model.name)}
    if reference is not None:
        if path_of(reference.name) == path_of(model.name):
            raise UserError(f"{reference} is named too much like {model}: rename one, figures are told apart by it")
        files[reference.name] = _file(reference, reference.name)
    return Subject(model.name, files, model.name, None if reference is None else reference.name, None, mel)


def _file(path: Path, title: str, drop_in: bool = False) -> File:
    model = runtime.load(path)
    return File(
        path=path,
        title=title,
        bytes=model.bytes,
        sha256=artifact.file_sha256(path),
        integer=model.integer,
        drop_in=drop_in,
    )
