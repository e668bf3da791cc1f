"""What there is to say about an exported file, once, for both formats."""

import json
from dataclasses import dataclass
from typing import Any

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
