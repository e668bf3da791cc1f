"""Scores of a classifier on a test split: macro accuracy, log loss, per class, per device, with confidence intervals.

Definitions are those of DCASE Task 1: macro accuracy is the mean over classes of (correct / clips of that class), also
within one device or group of devices; log loss is the mean over clips of -ln p(true class), p = softmax(logits).
A class without clips takes no part in a mean. Everything is a fraction in [0, 1], never per cent.

Shape legend: N clips, K classes, R recordings, B bootstrap draws.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyasc.dcase import DEVICE_GROUPS

Interval = tuple[float, float]

BOOTSTRAP_DRAWS = 1000
BOOTSTRAP_SEED = 0
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Score:
    """One classifier on one split. Accuracies are fractions; intervals are 95 % bootstrap intervals of them."""

    macro: float
    """Macro accuracy over the classes that have clips."""
    interval: Interval
    """Of `macro`; recordings, not clips, are drawn, because the pieces of one recording are alike."""
    log_loss: float
    """Mean of -ln p(true class), in nats."""
    per_class: dict[str, float]
    """Label -> share of its clips that are right (recall)."""
    per_device: dict[str, float]
    """Device -> macro accuracy on its clips."""
    device_intervals: dict[str, Interval]
    """Device -> interval of its macro accuracy."""
    groups: dict[str, float]
    """"seen" and "unseen" in training, and `dcase.DEVICE_GROUPS` where the names match -> macro accuracy."""
    group_intervals: dict[str, Interval]
    """Group -> interval of its macro accuracy."""
    confusion: np.ndarray
    """Counts (K, K): row = true class, column = predicted class."""
    n: int
    """Clips scored."""

    def to_dict(self) -> dict[str, Any]:
        """What a model card's `accuracy` holds: plain numbers, no arrays."""
        return {
            "macro": self.macro,
            "log_loss": self.log_loss,
            "interval": list(self.interval),
            "per_class": dict(self.per_class),
            "per_device": dict(self.per_device),
            "groups": dict(self.groups),
            "n": self.n,
        }


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Natural log of the softmax over the last axis, in float64. (..., K) -> (..., K)."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def macro_accuracy(correct: np.ndarray, label: np.ndarray, n_classes: int) -> float:
    """Mean over the classes that occur of (correct / clips). correct (N,) bool, label (N,) integer; NaN when N is 0."""
    clips_K = np.bincount(label, minlength=n_classes)
    right_K = np.bincount(label, weights=correct, minlength=n_classes)
    occurs = clips_K > 0
    return float((right_K[occurs] / clips_K[occurs]).mean()) if occurs.any() else float("nan")


def bootstrap_interval(correct: np.ndarray, label: np.ndarray, recording: np.ndarray, n_classes: int) -> Interval:
    """95 % percentile interval of the macro accuracy under drawing whole recordings with replacement.

    correct (N,) bool, label (N,) and recording (N,) integer. Fixed seed: the same scores give the same interval.
    """
    _, cluster = np.unique(recording, return_inverse=True)
    n_clusters = int(cluster.max()) + 1
    cell = cluster * n_classes + label
    clips_RK = np.bincount(cell, minlength=n_clusters * n_classes).reshape(n_clusters, n_classes)
    right_RK = np.bincount(cell, weights=correct, minlength=n_clusters * n_classes).reshape(n_clusters, n_classes)
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    times_BR = generator.multinomial(n_clusters, np.full(n_clusters, 1 / n_clusters), size=BOOTSTRAP_DRAWS)
    times_BR = times_BR.astype(np.float64)  # float, or the products below leave BLAS
    clips_BK, right_BK = times_BR @ clips_RK, times_BR @ right_RK
    occurs_BK = clips_BK > 0
    recall_BK = np.divide(right_BK, clips_BK, out=np.zeros_like(right_BK), where=occurs_BK)
    macro_B = recall_BK.sum(axis=1) / occurs_BK.sum(axis=1)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(macro_B, [tail, 1 - tail])
    return float(low), float(high)


def score(
    logits: np.ndarray,
    label: np.ndarray,
    device: np.ndarray,
    labels: list[str],
    devices: list[str],
    *,
    recording: np.ndarray | None = None,
    train_devices: list[str] | None = None,
) -> Score:
    """Score logits against the truth.

    Args:
        logits: (N, K) real numbers before the softmax.
        label: (N,) true class, index into `labels`.
        device: (N,) recording device, index into `devices`.
        labels: K class names.
        devices: Device names.
        recording: (N,) which recording a clip is a piece of; None treats every clip as a recording of its own.
        train_devices: Names of the devices heard in training; None leaves the groups "seen" and "unseen" out.

    Raises:
        ValueError: Shapes that do not fit together, no clips, or logits that are not finite.
    """
    n, n_classes = len(label), len(labels)
    if n == 0 or logits.shape != (n, n_classes) or device.shape != (n,):
        raise ValueError(f"logits {logits.shape}, label ({n},), device {device.shape} do not fit {n_classes} classes")
    if not np.isfinite(logits).all():
        raise ValueError(f"{int((~np.isfinite(logits)).sum())} of {logits.size} logits are not finite")
    recording = np.arange(n) if recording is None else recording
    predicted = logits.argmax(axis=1)
    correct = predicted == label
    confusion = np.bincount(label * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)
    clips_K = confusion.sum(axis=1)

    def part(chosen: np.ndarray) -> tuple[float, Interval]:
        of = correct[chosen], label[chosen]
        return macro_accuracy(*of, n_classes), bootstrap_interval(*of, recording[chosen], n_classes)

    heard = sorted(set(device.tolist()))
    by_device = {devices[index]: part(device == index) for index in heard}
    members = group_members([devices[index] for index in heard], train_devices)
    by_group = {name: part(np.isin(device, [devices.index(one) for one in group])) for name, group in members.items()}
    macro, interval = part(np.ones(n, dtype=bool))
    return Score(
        macro=macro,
        interval=interval,
        log_loss=float(-log_softmax(logits)[np.arange(n), label].mean()),
        per_class={labels[k]: float(confusion[k, k] / clips_K[k]) for k in range(n_classes) if clips_K[k]},
        per_device={name: value for name, (value, _) in by_device.items()},
        device_intervals={name: ends for name, (_, ends) in by_device.items()},
        groups={name: value for name, (value, _) in by_group.items()},
        group_intervals={name: ends for name, (_, ends) in by_group.items()},
        confusion=confusion,
        n=n,
    )


def group_members(devices: list[str], train_devices: list[str] | None) -> dict[str, list[str]]:
    """Group name -> its devices among `devices`; groups without a device are left out."""
    groups: dict[str, list[str]] = {}
    if train_devices is not None:
        groups["seen"] = [name for name in devices if name in train_devices]
        groups["unseen"] = [name for name in devices if name not in train_devices]
    for group, names in DEVICE_GROUPS.items():
        if set(names) <= set(devices):
            groups[group] = list(names)
    return {group: names for group, names in groups.items() if names}
