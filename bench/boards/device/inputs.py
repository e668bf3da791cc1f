"""Raw inputs for a comparison of two machines, and whether the answers to them vary enough to compare anything."""

import numpy as np

from deploy.runtime import Model
from tinyasc import front_end
from tinyasc.artifact import ModelCard
from tinyasc.clips import Clips

COUNT = 64
"""Inputs of a comparison."""
GRAIN = 64
"""Random inputs are smooth over up to so many values along an axis."""
LEAST_STEPS, LEAST_SHARE = 2.0, 0.01
"""How far an output's answers must vary (standard deviation): steps of an integer, share of the largest value."""


def of_clips(models: dict[str, Model], clips: Clips, card: ModelCard, count: int = COUNT) -> dict[str, np.ndarray]:
    """The same test clips as raw inputs (n, *input shape) of every model, spread evenly over the split.

    Args:
        models: of one exported run, by file name; what takes (1, S) gets the waveform, else what the card says.
        clips: the data set.
        card: of the run.
        count: of clips; all of them where there are fewer.
    """
    indices = clips.labelled("test")
    indices = indices[np.linspace(0, len(indices) - 1, min(count, len(indices))).astype(int)]
    waveforms = clips.waveform(indices)
    features = front_end.features(waveforms, front_end.from_card(card.mel))
    return {
        file: waveforms[:, None].astype(np.float32) if len(model.input.shape) == 2 else model.quantize(features)
        for file, model in models.items()
    }


def varied(model: Model, count: int = COUNT, seed: int = 0) -> np.ndarray:
    """Random raw inputs (n, *input shape) unlike each other: each with a mean, a contrast and a grain of its own.

    Reals vary around 0 by about 1, as spectrograms do that were normalised; integers over most of their range.
    """
    random = np.random.default_rng(seed)
    port = model.input
    limits = np.iinfo(port.dtype) if port.dtype.kind in "iu" else None
    middle, reach = (0.0, 1.0) if limits is None else ((limits.max + limits.min) / 2, (limits.max - limits.min) / 6)
    inputs = []
    for _ in range(count):
        mean, contrast = random.normal(0, 0.5), np.exp(random.uniform(np.log(0.1), np.log(2)))
        field = middle + reach * (mean + contrast * _smooth(random, port.shape))
        inputs.append(field if limits is None else np.clip(np.rint(field), limits.min, limits.max))
    return np.stack(inputs).astype(port.dtype)


def vary(outputs: np.ndarray) -> bool:
    """Whether answers (n, ...) to different inputs differ so much that equal ones of two machines mean something.

    A network that answers everything alike agrees with itself on any machine, right or wrong.
    """
    flat = outputs.reshape(len(outputs), -1).astype(np.float64)
    spread = float(flat.std(axis=0).max())
    least = LEAST_STEPS if outputs.dtype.kind in "iu" else LEAST_SHARE * float(np.abs(flat).max())
    return len(np.unique(flat, axis=0)) >= len(flat) / 2 and spread > least


def _smooth(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """A field of standard deviation of about 1: blocks, and a little noise in each value."""
    grain = 2 ** random.integers(0, int(np.log2(GRAIN)) + 1)
    field = random.standard_normal([-(-length // grain) for length in shape])
    for axis, length in enumerate(shape):
        field = field.repeat(grain, axis).take(range(length), axis)
    return field + 0.2 * random.standard_normal(shape)
