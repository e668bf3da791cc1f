"""Raw inputs for comparisons, and which answers are worth one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.boards.device import inputs
from deploy.runtime import Model, Port
from tests.support import tiny_data
from tinyasc.artifact import ModelCard
from tinyasc.clips import Clips
from tinyasc.mel import MelConfig, frames, log_mel


def model(port: Port) -> Model:
    return Model(Path("m"), "none", 0, port, port, lambda raw: raw)


@pytest.mark.parametrize(
    "port",
    [
        Port((1, 49, 10, 1), np.dtype(np.int8), 0.5, 3),
        Port((1, 3, 40, 40), np.dtype(np.uint8), 0.1, 128),
        Port((1, 1, 32, 50), np.dtype(np.float32)),
        Port((1, 8000), np.dtype(np.float32)),
    ],
)
def test_random_inputs_are_unlike_each_other(port: Port) -> None:
    found = inputs.varied(model(port), count=16)
    assert (found.shape, found.dtype) == ((16, *port.shape), port.dtype)
    assert (found == inputs.varied(model(port), count=16)).all()
    means, contrasts = (getattr(found.reshape(16, -1).astype(float), name)(axis=1) for name in ("mean", "std"))
    step = 1.0 if port.scale is None else 256 / 6
    assert means.std() > 0.2 * step
    assert contrasts.max() > 4 * contrasts.min()


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        (np.arange(64).reshape(64, 1) * np.array([[1, -1]], np.int8), True),
        (np.tile(np.array([[3, -100]], np.int8), (64, 1)), False),
        (np.eye(64, 2, dtype=np.int8) + 3, False),  # one step in one of 64
        (np.linspace(0, 1, 128, dtype=np.float32).reshape(64, 2), True),
        (5 + 1e-3 * np.linspace(0, 1, 128, dtype=np.float32).reshape(64, 2), False),
    ],
)
def test_answers_that_hardly_vary_are_known(outputs: np.ndarray, said: bool) -> None:
    assert inputs.vary(outputs) == said


def test_test_clips_are_spread_over_the_split_and_the_same_for_every_file(tmp_path: Path) -> None:
    mel = MelConfig(n_mels=32)
    network = Port((1, 32, frames(mel, 32_000), 1), np.dtype(np.float32))
    waveform = Port((1, 32_000), np.dtype(np.float32))
    card: Any = ModelCard.__new__(ModelCard)
    object.__setattr__(card, "mel", vars(mel))
    with Clips(tiny_data.write(tmp_path)) as clips:
        found = inputs.of_clips({"model.tflite": model(network), "drop_in.tflite": model(waveform)}, clips, card, 5)
        split = clips.waveform(clips.labelled("test"))
    taken = found["drop_in.tflite"]
    assert taken.shape == (5, 1, 32_000)
    assert (taken[0, 0] == split[0]).all()
    assert (taken[-1, 0] == split[-1]).all()
    np.testing.assert_allclose(found["model.tflite"][..., 0], log_mel(taken[:, 0], mel)[:, None], atol=1e-5)
