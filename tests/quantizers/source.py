"""Where the files of a row come from: the float student, one of our programs, or a quantizer of other people."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from deploy.runtime import Model

SUFFIXES = (".tflite", ".onnx")
Files = Mapping[str, Path]
"""Those of one network by suffix."""


@dataclass(frozen=True)
class Made:
    """What a source has made."""

    files: Files
    simulator: Model | None = None
    """What the files must equal to the last bit; none: it has no such thing."""


class Source(Protocol):
    """A row of the study before it is measured; whatever it raises becomes the row's reason."""

    @property
    def name(self) -> str:
        """Of its row."""
        ...

    def fingerprint(self) -> str:
        """All that decides what it makes of the same student."""
        ...

    def make(self) -> Made:
        """Write its files."""
        ...
