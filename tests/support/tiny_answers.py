"""A data set of numbers in place of sound, and files that answer it as they are told, for tests of the judge."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from deploy.runtime import Model, Port

LABELS = ["bus", "park", "tram"]


def clips_of(label: Any, moment: Any, waveform: np.ndarray, **changes: Any) -> Any:
    """A data set whose test split is all of it: two devices in turns, one city."""
    label = np.asarray(label)
    given = {
        "labels": LABELS,
        "label": label,
        "moment": np.asarray(moment),
        "device": np.arange(len(label)) % 2,
        "city": np.zeros(len(label), int),
        "devices": ["a", "s4"],
        "cities": ["lyon"],
        "labelled": lambda split: np.arange(len(label)),
        "waveform": lambda indices: waveform[indices],
        "samples": waveform.shape[1],
        "sample_rate": 16_000,
        "path": Path("d.h5"),
    }
    return SimpleNamespace(**given | changes)


def model(name: str, function: Callable[[np.ndarray], np.ndarray], samples: int = 3) -> Model:
    """A float file that takes the waveform."""
    ports = (Port((1, samples), np.dtype(np.float32)), Port((1, 3), np.dtype(np.float32)))
    return Model(Path(name), "none", 0, *ports, function)


def logits_of(answer: np.ndarray, margin: float = 2.0) -> np.ndarray:
    """Logits (n, 3) whose answers these are."""
    return np.float32(margin) * np.eye(3, dtype=np.float32)[answer]


def drawn(
    seed: int, skill: tuple[float, float], places: int = 40
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Labels, moments and logits of the files "f" and "s", each right as often as its skill says.

    A class has so many moments, of 5 clips each; a moment is as easy or hard for both.
    """
    random = np.random.default_rng(seed)
    moment = np.repeat(np.arange(3 * places), 5)
    label = moment % 3
    ease = random.uniform(-0.3, 0.3, 3 * places)[moment]
    right = [random.uniform(size=len(label)) < one + ease for one in skill]
    return label, moment, {name: logits_of((label + ~good) % 3) for name, good in zip("fs", right, strict=True)}
