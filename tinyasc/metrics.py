"""Scores of a classifier on a test split, whole and by class, device, group of devices and city, with intervals.

Definitions are those of DCASE Task 1: macro accuracy is the mean over classes of (correct / clips of that class), also
within one device, group or city; log loss is the mean over clips of -ln p(true class), p = softmax(logits). A class
without clips takes no part in a mean. Intervals are drawn within each class (`score_part`). Everything but log loss
(nats) is a fraction in [0, 1], never per cent.

Shape legend: N clips, K classes, S classes that occur, M moments of each class, B bootstrap draws.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from tinyasc import bootstrap
from tinyasc.bootstrap import Interval
from tinyasc.clips import Clips
from tinyasc.dcase import DEVICE_GROUPS


@dataclass(frozen=True)
class Part:
    """Some clips and how well they are answered. Intervals: 95 %, bootstrap over the moments of each class."""

    macro: float
    """Macro accuracy over the classes that have clips; of the clips of one class: its recall."""
    interval: Interval | None
    """Of `macro`; None: one of its classes has one moment alone, which says nothing about others."""
    log_loss: float
    """Mean of -ln p(true class), nats."""
    log_loss_interval: Interval | None
    """Of `log_loss`, nats; None as above."""
    n: int
    """Clips."""
    moments: int
    """Moments that they were recorded in (`Clips.moment`): what the intervals are drawn from."""


@dataclass(frozen=True)
class Score(Part):
    """All clips of one split, and parts of them by name."""

    per_class: dict[str, Part]
    """By label."""
    per_device: dict[str, Part]
    """By device."""
    groups: dict[str, Part]
    """Devices "seen" and "unseen" in training, and `dcase.DEVICE_GROUPS` where the names match."""
    per_city: dict[str, Part]
    """By city."""
    confusion: np.ndarray
    """Counts (K, K): row = true class, column = predicted class."""

    def breakdowns(self) -> dict[str, dict[str, Part]]:
        """The parts by name, under the name of each breakdown."""
        return {key: getattr(self, key) for key in ("per_class", "per_device", "groups", "per_city")}

    def to_dict(self) -> dict[str, Any]:
        """What a model card's `accuracy` holds: plain numbers, no arrays; `parts` has all that is known of each."""
        whole = {field.name: getattr(self, field.name) for field in fields(Part)}
        named = self.breakdowns()
        macro = {key: {name: part.macro for name, part in parts.items()} for key, parts in named.items()}
        return whole | macro | {"parts": {key: {n: asdict(part) for n, part in named[key].items()} for key in named}}


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Natural log of the softmax over the last axis, in float64. (..., K) -> (..., K)."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def losses(logits: np.ndarray, label: np.ndarray) -> np.ndarray:
    """-ln p(true class) of each clip, nats: (N, K), integer (N,) -> float64 (N,)."""
    return -log_softmax(logits)[np.arange(len(label)), label]


def macro_accuracy(correct: np.ndarray, label: np.ndarray, n_classes: int) -> float:
    """Mean over the classes that occur of (correct / clips). correct (N,) bool, label (N,) integer; NaN when N is 0."""
    if len(label) == 0:
        return float("nan")
    clips_K = np.bincount(label, minlength=n_classes)
    right_K = np.bincount(label, weights=correct, minlength=n_classes)
    occurs_K = clips_K > 0
    return float(np.mean(right_K[occurs_K] / clips_K[occurs_K]))


def clusters(label: np.ndarray, moment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What intervals are drawn from: the moments of each class. A moment has one label.

    Args:
        label: (N,) integer.
        moment: (N,) integer.

    Returns:
        The class of each, int64 (M,) in ascending order, and which of them each clip belongs to, int64 (N,).
    """
    moments, of = np.unique(moment, return_inverse=True)
    found, cluster = np.unique(label * len(moments) + of, return_inverse=True)
    return found // len(moments), cluster


def score_part(correct: np.ndarray, loss: np.ndarray, label: np.ndarray, moment: np.ndarray, n_classes: int) -> Part:
    """Macro accuracy and mean loss of some clips, with the intervals of both.

    Whole moments are drawn (`bootstrap`), as the clips of one are alike, by whichever device; and within each class as
    many as it has, so that every draw has the classes that there are and macro accuracy is the mean over the same ones.
    From m moments a class such intervals are narrow by about sqrt((m - 1) / m). The same answers give the same ones.

    Args:
        correct: (N,) bool.
        loss: (N,) -ln p(true class), nats.
        label: (N,) integer, below n_classes.
        moment: (N,) integer, equal where clips were recorded at one time and place.
        n_classes: K.
    """
    class_M, cluster = clusters(label, moment)
    totals = [np.bincount(cluster, weights=values) for values in (np.ones(len(label)), correct, loss)]
    interval = log_loss_interval = None
    if np.unique(class_M, return_counts=True)[1].min() > 1:
        clips_BS, right_BS, loss_BS = np.moveaxis(bootstrap.resampled(np.stack(totals, axis=1), class_M), -1, 0)
        interval = bootstrap.interval((right_BS / clips_BS).mean(axis=1))
        log_loss_interval = bootstrap.interval(loss_BS.sum(axis=1) / clips_BS.sum(axis=1))
    return Part(
        macro=macro_accuracy(correct, label, n_classes),
        interval=interval,
        log_loss=float(loss.mean()),
        log_loss_interval=log_loss_interval,
        n=len(label),
        moments=len(np.unique(moment)),
    )


def score(
    logits: np.ndarray,
    label: np.ndarray,
    device: np.ndarray,
    city: np.ndarray,
    moment: np.ndarray,
    *,
    labels: list[str],
    devices: list[str],
    cities: list[str],
    train_devices: list[str] | None = None,
) -> Score:
    """Score logits against the truth.

    Args:
        logits: (N, K) real numbers before the softmax.
        label: (N,) true class, index into `labels`.
        device: (N,) recording device, index into `devices`.
        city: (N,) where it was recorded, index into `cities`.
        moment: (N,) integer, equal where clips were recorded at one time and place (`Clips.moment`).
        labels: K class names.
        devices: Device names.
        cities: City names.
        train_devices: Names of the devices heard in training; None leaves the groups "seen" and "unseen" out.

    Raises:
        ValueError: Shapes that do not fit together, no clips, or logits that are not finite.
    """
    n, n_classes = len(label), len(labels)
    if n == 0 or logits.shape != (n, n_classes) or not device.shape == city.shape == moment.shape == (n,):
        shapes = f"logits {logits.shape}, device {device.shape}, city {city.shape}, moment {moment.shape}"
        raise ValueError(f"{shapes} do not fit {n} labels of {n_classes} classes")
    if not np.isfinite(logits).all():
        raise ValueError(f"{int((~np.isfinite(logits)).sum())} of {logits.size} logits are not finite")
    predicted = logits.argmax(axis=1)
    correct = predicted == label
    loss = losses(logits, label)

    def part(chosen: np.ndarray) -> Part:
        return score_part(correct[chosen], loss[chosen], label[chosen], moment[chosen], n_classes)

    def parts(index: np.ndarray, names: list[str]) -> dict[str, Part]:
        return {names[one]: part(index == one) for one in np.unique(index)}

    members = group_members([devices[one] for one in np.unique(device)], train_devices)
    whole = part(np.ones(n, dtype=bool))
    return Score(
        **{field.name: getattr(whole, field.name) for field in fields(Part)},
        per_class=parts(label, labels),
        per_device=parts(device, devices),
        groups={name: part(np.isin(device, [devices.index(one) for one in group])) for name, group in members.items()},
        per_city=parts(city, cities),
        confusion=np.bincount(label * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes),
    )


def score_test(logits: np.ndarray, clips: Clips, train_devices: list[str] | None) -> Score:
    """Score the answers to the test split of a data set: the one way to an accuracy of this project.

    Args:
        logits: (n, K), in the order of `clips.labelled("test")`.
        clips: the data set.
        train_devices: those that the model heard in training; none = not known.

    Raises:
        UserError: the data set has no test clips, or no labels.
    """
    test = clips.labelled("test")
    return score(
        logits,
        clips.label[test],
        clips.device[test],
        clips.city[test],
        clips.moment[test],
        labels=clips.labels,
        devices=clips.devices,
        cities=clips.cities,
        train_devices=train_devices,
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
