"""The model under test: an exported run with all its files, or one foreign .tflite or .onnx file."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from bench.measure.figure import MEASURED, Figure, path_of
from deploy import runtime
from deploy.runtime import Model
from tinyasc import artifact, front_end
from tinyasc.artifact import ModelCard
from tinyasc.errors import UserError
from tinyasc.front_end import FrontEnd
from tinyasc.mel import MelConfig

INT8, FLOAT = "model.tflite", "model_float.tflite"
TITLES = {INT8: "INT8 .tflite", FLOAT: "float .tflite", "model.onnx": "INT8 .onnx", "model_float.onnx": "float .onnx"}
"""The networks of an export run and what the report calls them."""
VARIANTS = {
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
    """One file that is benchmarked."""

    title: str
    size: Figure
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    integer: bool
    drop_in: bool
    """Takes a waveform and gives scores, beside the network of a run that it was made of."""


@dataclass(frozen=True)
class ModelUnderTest:
    """What the report says of everything that is benchmarked together."""

    kind: Literal["run", "file"]
    name: str
    primary: str
    """The file that the verdict is about."""
    reference: str | None
    """Its float twin; None: there is none."""
    mel: MelConfig | None
    """None: the networks take the waveform itself, or it is not known what they take."""
    files: dict[str, File]
    """The primary first, then what it is compared with, then variants."""

    @property
    def networks(self) -> list[str]:
        """The files that take what the front-end gives, in the order of `files`."""
        return [name for name, file in self.files.items() if not file.drop_in]

    @property
    def main(self) -> list[str]:
        """The networks that everything is found out about: of a run those of TITLES, variants are not."""
        return [name for name in self.networks if self.kind == "file" or name not in VARIANTS]

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
        """What is measured where every file costs much time: the main networks, and the drop-in of the primary."""
        return [*self.main, *(name for name, network in self.drop_ins.items() if network == self.primary)]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Networks whose answers are compared: the primary with its float twin, and with its other format."""
        pairs = [] if self.reference is None else [(self.primary, self.reference)]
        return pairs + ([(INT8, "model.onnx")] if self.kind == "run" else [])


@dataclass(frozen=True)
class Subject:
    """The model under test where it lies."""

    model: ModelUnderTest
    card: ModelCard | None
    """None: a foreign file."""
    paths: dict[str, Path]

    def load(self, names: Iterable[str]) -> dict[str, Model]:
        """These files in their default runtimes, on one thread."""
        return {name: runtime.load(self.paths[name]) for name in names}


def of(model: Path, reference: Path | None = None, mel: FrontEnd = None) -> Subject:
    """Load the export run or file at `model`.

    Args:
        model: run folder, .tflite or .onnx.
        reference: the float twin of a file; a run has its own.
        mel: front-end of a file; a run's card names its own.

    Raises:
        UserError: neither, a run that lacks a network, a file that no runtime loads, or a reference or a front-end for
            a run.
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
    titles = TITLES | {name: title for name, title in VARIANTS.items() if name in card.files}
    files = {name: _file(model / name, title, drop_in=name.startswith("drop_in")) for name, title in titles.items()}
    record = ModelUnderTest("run", model.resolve().name, INT8, FLOAT, front_end.from_card(card.mel), files)
    return Subject(record, card, {name: model / name for name in titles})


def _of_file(model: Path, reference: Path | None, mel: FrontEnd) -> Subject:
    paths = {model.name: model}
    if reference is not None:
        if path_of(reference.name) == path_of(model.name):
            raise UserError(f"{reference} is named too much like {model}: rename one, figures are told apart by it")
        paths[reference.name] = reference
    files = {name: _file(path, name) for name, path in paths.items()}
    twin = None if reference is None else reference.name
    return Subject(ModelUnderTest("file", model.name, model.name, twin, mel, files), None, paths)


def _file(path: Path, title: str, drop_in: bool = False) -> File:
    model = runtime.load(path)
    size = Figure(model.bytes, "bytes", MEASURED, path.name, path=f"size/{path_of(path.name)}")
    return File(title, size, artifact.file_sha256(path), model.integer, drop_in)
