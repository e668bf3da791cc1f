"""Accuracy of the shipped files themselves: every clip of the test split through `deploy.runtime`, one by one.

Shape legend: n test clips, K classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from deploy.runtime import Model
from tinyasc import front_end
from tinyasc.artifact import ModelCard
from tinyasc.clips import Clips
from tinyasc.errors import UserError

BATCH = 64
"""Clips whose spectrograms are held in memory at a time."""


@dataclass(frozen=True)
class Agreement:
    """How two models answer the same clips."""

    clips: int
    same_top1: int
    """Clips on which both choose the same class."""
    identical: int
    """Clips on which all K logits are equal, bit by bit."""
    largest_difference: float
    """Largest distance between two logits."""


def logits_of(models: Mapping[str, Model], clips: Clips, card: ModelCard) -> dict[str, np.ndarray]:
    """Logits of every model on the test split: float32 (n, K) by model name, clips in the file's order.

    Raises:
        UserError: the data set has other labels or another sample rate than the model, or no test clips.
    """
    mel = front_end.from_card(card.mel)
    if clips.labels != card.labels:
        raise UserError(f"the data set's labels {clips.labels} are not the model's {card.labels}: give the right data")
    if mel is not None and clips.sample_rate != mel.sample_rate:
        raise UserError(f"the data set has {clips.sample_rate} Hz, the model takes {mel.sample_rate}: prepare it again")
    indices = clips.labelled("test")
    parts: dict[str, list[np.ndarray]] = {name: [] for name in models}
    for start in tqdm(range(0, len(indices), BATCH), desc="accuracy", unit="batch"):
        spectrograms = front_end.features(clips.waveform(indices[start : start + BATCH]), mel)
        for name, model in models.items():
            parts[name].append(model.logits(spectrograms))
    return {name: np.concatenate(found) for name, found in parts.items()}


def agreement(first: np.ndarray, second: np.ndarray) -> Agreement:
    """Compare the logits (n, K) of two models."""
    return Agreement(
        clips=len(first),
        same_top1=int((first.argmax(axis=1) == second.argmax(axis=1)).sum()),
        identical=int((first == second).all(axis=1).sum()),
        largest_difference=float(np.abs(first - second).max()),
    )
