"""TFLite Model Metadata: what MediaPipe and Android's task libraries read from a .tflite.

A flatbuffer of its own (schema 1.5.0, identifier M001) lies in the file as the buffer TFLITE_METADATA; the files that
it names follow the model as a zip archive, stored, so that any unzip finds them. Only what is said here of the schema's
tables is written; slots and types are the schema's.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import flatbuffers

from export.metadata.facts import FACTS_FILE, Ends, Facts

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
