"""Which of the drop-ins' answers are those of their own networks."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from bench.measure.accuracy import answers, findings
from bench.measure.figure import figures
from deploy.runtime import Model, Port


def test_answers_are_held_to_those_of_the_drop_ins_own_network() -> None:
    n, samples = 2 * answers.BATCH + 3, 4
    waveforms = np.random.default_rng(0).standard_normal((n, samples)).astype(np.float32)
    clips: Any = SimpleNamespace(labelled=lambda split: np.arange(n), waveform=lambda indices: waveforms[indices])
    reals = [Port((1, samples), np.dtype(np.float32))] * 2
    echo = Model(Path("drop_in.tflite"), "none", 0, reals[0], reals[1], lambda one: one)  # scores are the samples
    logits = {"model.tflite": waveforms.copy(), "model_float.tflite": -waveforms}
    logits["model.tflite"][:5] *= -1
    networks = {"drop_in.tflite": "model.tflite", "drop_in_float.tflite": "model_float.tflite"}
    found = findings.same_answers({file: (echo, network) for file, network in networks.items()}, clips, logits)
    assert {file: (one.network, one.same, one.clips) for file, one in found.items()} == {
        "drop_in.tflite": ("model.tflite", n - 5, n),
        "drop_in_float.tflite": ("model_float.tflite", 0, n),
    }
    assert figures(found)["accuracy/tflite/drop_in/same_answers"].value == (n - 5) / n
