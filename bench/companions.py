"""The files that an exported run may have beside the four that are compared: drop-ins, and variants in float.

A drop-in takes the waveform and gives scores. It is timed from the one to the other, and judged by whether it answers
the test clips as the network it was made of does behind `tinyasc.mel`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from bench.latency.rounds import Timing
from deploy.runtime import Model
from tinyasc.clips import Clips

DROP_INS = {
    f"drop_in{kind}.{suffix}": f"model{kind}.{suffix}" for kind in ("", "_float") for suffix in ("tflite", "onnx")
}
DROP_INS |= {f"drop_in_float16.{suffix}": f"model_float.{suffix}" for suffix in ("tflite", "onnx")}
"""And the network that each was made of; the one of float16 is held to the float network."""
VARIANTS = ("model_float16.tflite", "model_float16.onnx")
NAMES = {"": "INT8", "_float": "float", "_float16": "float16"}
BATCH = 64
"""Clips whose waveforms are held in memory at a time."""


@dataclass(frozen=True)
class Companions:
    """What was found out about them, by file name."""

    timing: Timing
    same_answers: dict[str, int]
    """Test clips on which a drop-in gives the answer of its network."""
    clips: int


def title(file: str) -> str:
    """drop_in_float16.onnx -> float16 .onnx, drop-in."""
    stem, suffix = file.rsplit(".", 1)
    kind = NAMES[stem.removeprefix("drop_in").removeprefix("model")]
    return f"{kind} .{suffix}{', drop-in' if stem.startswith('drop_in') else ''}"


def same_answers(models: Mapping[str, Model], clips: Clips, logits: Mapping[str, np.ndarray]) -> dict[str, int]:
    """How many test clips each drop-in of the models answers as its network does.

    Args:
        models: by file name; those of DROP_INS are asked.
        clips: the data set.
        logits: of the networks on its labelled test clips, (n, K) by file name.
    """
    asked = {file: model for file, model in models.items() if file in DROP_INS}
    found, indices = dict.fromkeys(asked, 0), clips.labelled("test")
    for start in tqdm(range(0, len(indices) if asked else 0, BATCH), desc="drop-in", unit="batch"):
        waveforms = clips.waveform(indices[start : start + BATCH])
        for file, model in asked.items():
            expected = logits[DROP_INS[file]][start : start + BATCH].argmax(axis=1)
            found[file] += int((model.scores(waveforms).argmax(axis=1) == expected).sum())
    return found
