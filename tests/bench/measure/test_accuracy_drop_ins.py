"""Which of the drop-ins' answers are those of their own networks."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from bench.measure.accuracy import drop_ins
from bench.measure.accuracy.drop_ins import SameAnswers
from deploy.runtime import Model, Port


def test_answers_are_held_to_those_of_the_drop_ins_own_network() -> None:
    n, samples = 2 * drop_ins.BATCH + 3, 4
    waveforms = np.random.default_rng(0).standard_normal((n, samples)).astype(np.float32)
    clips: Any = SimpleNamespace(labelled=lambda split: np.arange(n), waveform=lambda indices: waveforms[indices])
    reals = [Port((1, samples), np.dtype(np.float32))] * 2
    echo = Model(Path("drop_in.tflite"), "none", 0, reals[0], reals[1], lambda one: one)  # scores are the samples
    logits = {"model.tflite": waveforms.copy(), "model_float.tflite": -waveforms}
    logits["model.tflite"][:5] *= -1
    networks = {"drop_in.tflite": "model.tflite", "drop_in_float.tflite": "model_float.tflite"}
    found = drop_ins.same_answers(dict.fromkeys(networks, echo), networks, clips, logits)
    assert found == {
        "drop_in.tflite": SameAnswers("model.tflite", n - 5, n),
        "drop_in_float.tflite": SameAnswers("model_float.tflite", 0, n),
    }
    assert drop_ins.figures(found)["accuracy/tflite/drop_in/same_answers"].value == (n - 5) / n
