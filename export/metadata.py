"""What an exported file says about itself: labels, front-end, origin, author and licence, in the words of both formats.

In an .onnx that are metadata_props. In a .tflite it is TFLite Model Metadata, which MediaPipe and Android's task
libraries read: a flatbuffer of its own (schema 1.5.0, identifier M001) lies in the file as the buffer TFLITE_METADATA;
the files that it names follow the model as a zip archive, stored, so that any unzip finds them. Only what is said here
of the schema's tables is written; slots and types are the schema's.
"""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers

from tinyasc.errors import UserError


@dataclass(frozen=True)
class Facts:
    """About one run's files; what is empty is left out of them."""

    labels: list[str]
    """Class names in the order of the outputs."""
    mel: dict[str, Any] | None
    """Settings of the front-end (`tinyasc.mel.MelConfig`); none: the network takes the waveform."""
    sample_rate: int
    """Samples per second, Hz."""
    samples: int
    """Samples of one input."""
    architecture: str
    """Name in `tinyasc.models`."""
    parent: str
    """sha256 of int8.program.safetensors of the run that was exported: its model card has it, and so has every run that
    ends with the same weights, wherever and whenever it was made."""
    author: str = ""
    """Who made the model."""
    licence: str = ""
    """Under which licence it may be used."""
    version: str = ""
    """Its version."""

    def __post_init__(self) -> None:
        for name in ("author", "licence", "version", "architecture", *self.labels):
            text = getattr(self, name, name)
            if any(not character.isprintable() for character in text):
                raise UserError(f"metadata: {text!r} is not one line of text: take the line breaks out of it")

    @property
    def description(self) -> str:
        """One sentence."""
        return f"{self.architecture}: {self.sound} to {len(self.labels)} scores"

    @property
    def sound(self) -> str:
        """What it listens to."""
        return f"{self.samples / self.sample_rate:g} s of mono sound at {self.sample_rate} Hz, full scale 1"

    def texts(self) -> dict[str, str]:
        """Everything as text, lists and settings as JSON: the metadata_props of an .onnx."""
        texts = {
            "description": self.description,
            "labels": json.dumps(self.labels),
            "mel": json.dumps(self.mel),
            "sample_rate": str(self.sample_rate),
            "samples": str(self.samples),
            "parent_sha256": self.parent,
            "author": self.author,
            "licence": self.licence,
            "version": self.version,
        }
        return {name: text for name, text in texts.items() if text}

    def to_json(self) -> str:
        """Everything as JSON: the file that a .tflite carries."""
        plain = {name: getattr(self, name) for name in ("labels", "mel", "sample_rate", "samples")}
        return json.dumps(self.texts() | plain, separators=(",", ":")) + "\n"


@dataclass(frozen=True)
class Ends:
    """The input and the output of a file in words."""

    input: str
    input_description: str
    output: str
    output_description: str
    audio: bool
    """Whether the input is the waveform."""


def drop_in_ends(facts: Facts) -> Ends:
    """Of a file that takes the waveform."""
    return Ends("waveform", facts.sound, "scores", "A score for each label, together 1", audio=True)


def network_ends(facts: Facts) -> Ends:
    """Of a file that takes what the front-end gives."""
    taken = "waveform" if facts.mel is None else "normalised log-mel spectrogram"
    return Ends(
        "log_mel",
        f"The {taken} of {facts.sound}; settings in {FACTS_FILE}",
        "logits",
        "A logit for each label",
        audio=False,
    )


FACTS_FILE = "tinyasc.json"
"""What a .tflite carries `Facts.to_json` as."""


IDENTIFIER = b"M001"
BUFFER = "TFLITE_METADATA"
LABELS_FILE = "labels.txt"
LEAST_PARSER = "1.3.0"
"""Version of the schema that has all that is written here: 1.3.0 has AudioProperties."""
TEXT_FILE, LABEL_FILE = 1, 2
"""AssociatedFileType: DESCRIPTIONS, TENSOR_AXIS_LABELS."""
AUDIO, FEATURE = 4, 1
"""ContentProperties: AudioProperties, FeatureProperties."""
SLOTS = {
    "AssociatedFile": ("name", "description", "type", "locale", "version"),
    "AudioProperties": ("sample_rate", "channels"),
    "FeatureProperties": (),
    "Content": ("content_properties_type", "content_properties", "range"),
    "TensorMetadata": (
        "name",
        "description",
        "dimension_names",
        "content",
        "process_units",
        "stats",
        "associated_files",
    ),
    "SubGraphMetadata": ("name", "description", "input_tensor_metadata", "output_tensor_metadata"),
    "ModelMetadata": (
        "name",
        "description",
        "version",
        "subgraph_metadata",
        "author",
        "license",
        "associated_files",
        "min_parser_version",
    ),
}
"""Fields of a table in the order of their slots; those behind the last one that is used are left out."""
NUMBERS = {"type": "Int8", "content_properties_type": "Uint8", "sample_rate": "Uint32", "channels": "Uint32"}
"""Fields that are numbers; the others are offsets."""


@dataclass(frozen=True)
class TfliteMetadata:
    """What is added to one .tflite."""

    buffer: bytes
    """The flatbuffer."""
    files: Mapping[str, str]
    """Text by file name."""

    def append_to(self, model: bytes) -> bytes:
        """The model with the files behind it; the same files give the same bytes at any time."""
        file = io.BytesIO(model)
        with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
            for name, text in self.files.items():
                archive.writestr(zipfile.ZipInfo(name), text)  # without a time of its own: 1980
        return file.getvalue()


def tflite_metadata(facts: Facts, ends: Ends) -> TfliteMetadata:
    """The metadata of a file with such ends."""
    files = {LABELS_FILE: "\n".join(facts.labels) + "\n", FACTS_FILE: facts.to_json()}
    return TfliteMetadata(_Buffer().model(facts, ends), files)


class _Buffer:
    def __init__(self) -> None:
        self.builder = flatbuffers.Builder(1024)

    def model(self, facts: Facts, ends: Ends) -> bytes:
        labels = self._file(LABELS_FILE, "Names of the outputs, one a line", LABEL_FILE)
        subgraph = self._table(
            "SubGraphMetadata",
            input_tensor_metadata=self._vector([self._input(facts, ends)]),
            output_tensor_metadata=self._vector([self._output(ends, labels)]),
        )
        texts = {"version": facts.version, "author": facts.author, "license": facts.licence}
        root = self._table(
            "ModelMetadata",
            name=self._text(facts.architecture),
            description=self._text(facts.description),
            subgraph_metadata=self._vector([subgraph]),
            associated_files=self._vector([self._file(FACTS_FILE, "Labels, front-end, origin", TEXT_FILE)]),
            min_parser_version=self._text(LEAST_PARSER),
            **{name: self._text(text) for name, text in texts.items() if text},
        )
        self.builder.Finish(root, file_identifier=IDENTIFIER)
        return bytes(self.builder.Output())

    def _input(self, facts: Facts, ends: Ends) -> int:
        if ends.audio:
            kind, properties = AUDIO, self._table("AudioProperties", sample_rate=facts.sample_rate, channels=1)
        else:
            kind, properties = FEATURE, self._table("FeatureProperties")
        content = self._table("Content", content_properties_type=kind, content_properties=properties)
        name, description = self._text(ends.input), self._text(ends.input_description)
        return self._table("TensorMetadata", name=name, description=description, content=content)

    def _output(self, ends: Ends, labels: int) -> int:
        properties = self._table("FeatureProperties")
        content = self._table("Content", content_properties_type=FEATURE, content_properties=properties)
        name, description = self._text(ends.output), self._text(ends.output_description)
        files = self._vector([labels])
        return self._table(
            "TensorMetadata", name=name, description=description, content=content, associated_files=files
        )

    def _file(self, name: str, description: str, kind: int) -> int:
        return self._table("AssociatedFile", name=self._text(name), description=self._text(description), type=kind)

    def _table(self, kind: str, **fields: int) -> int:
        slots = SLOTS[kind]
        self.builder.StartObject(len(slots))
        for name, value in fields.items():
            getattr(self.builder, f"Prepend{NUMBERS.get(name, 'UOffsetTRelative')}Slot")(slots.index(name), value, 0)
        return self.builder.EndObject()

    def _text(self, text: str) -> int:
        return self.builder.CreateSharedString(text)

    def _vector(self, tables: Sequence[int]) -> int:
        self.builder.StartVector(4, len(tables), 4)
        for table in reversed(tables):
            self.builder.PrependUOffsetTRelative(table)
        return self.builder.EndVector()
