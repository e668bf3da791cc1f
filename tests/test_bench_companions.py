"""Drop-ins and variants beside the four files: what they are called, and which of their answers are their network's."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench import companions
from deploy.runtime import Model, Port


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("drop_in.tflite", "INT8 .tflite, drop-in"),
        ("drop_in_float16.onnx", "float16 .onnx, drop-in"),
        ("model_float16.tflite", "float16 .tflite"),
    ],
)
def test_titles(file: str, name: str) -> None:
    assert companions.title(file) == name


def test_answers_are_held_to_those_of_the_drop_ins_own_network() -> None:
    n, samples = 2 * companions.BATCH + 3, 4
    waveforms = np.random.default_rng(0).standard_normal((n, samples)).astype(np.float32)
    clips: Any = SimpleNamespace(labelled=lambda split: np.arange(n), waveform=lambda indices: waveforms[indices])
    reals = [Port((1, samples), np.dtype(np.float32))] * 2
    echo = Model(Path("drop_in.tflite"), "none", 0, reals[0], reals[1], lambda one: one)  # scores are the samples
    logits = {"model.tflite": waveforms.copy(), "model_float.tflite": -waveforms}
    logits["model.tflite"][:5] *= -1
    models = {"drop_in.tflite": echo, "drop_in_float.tflite": echo, "model_float16.tflite": echo}
    found = companions.same_answers(models, clips, logits)
    assert found == {"drop_in.tflite": n - 5, "drop_in_float.tflite": 0}
