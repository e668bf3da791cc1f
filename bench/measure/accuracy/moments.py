"""Right answers and losses summed by moment: what is enough to say how two files differ, and how sure that is.

The clips of one moment (`Clips.moment`) are the same seconds by several devices, cut into pieces; they are answered
alike, and a test that takes them for independent is too sure. So whole moments are drawn, the same ones for both files
(a paired bootstrap): what is hard for both cancels out. A report keeps these sums, so that two reports on one data set
can be compared without the clips.

Shape legend: M moments of each class, S classes that occur, B bootstrap draws.
"""

from dataclasses import dataclass

import numpy as np

from tinyasc import bootstrap, metrics
from tinyasc.bootstrap import Interval

FREEDOM = 10
"""Moments of a part beyond one a class, below which an interval drawn over them says little."""


@dataclass(frozen=True)
class Difference:
    """How much one file is above another on the same clips. Intervals: 95 %, paired bootstrap over moments."""

    macro: float
    """Of macro accuracy, a fraction."""
    macro_interval: Interval | None
    """None: a class has one moment alone, which says nothing about others."""
    log_loss: float
    """Of log loss, nats."""
    log_loss_interval: Interval | None


@dataclass(frozen=True)
class ClusterSums:
    """The test split by moment, and what each file made of it."""

    label: list[int]
    """(M,) class of each."""
    clips: list[int]
    """(M,) how many it has."""
    right: dict[str, list[int]]
    """By file: (M,) clips that it answers right."""
    loss: dict[str, list[float]]
    """By file: (M,) sum of -ln p(true class) over its clips, nats."""

    def __post_init__(self) -> None:
        columns = [self.clips, *self.right.values(), *self.loss.values()]
        if self.right.keys() != self.loss.keys() or any(len(column) != len(self.label) for column in columns):
            raise ValueError("the sums of its moments do not belong together")

    def difference(self, first: str, second: str) -> Difference:
        """first - second."""
        return difference(self, first, self, second)

    def whole(self, file: str) -> tuple[float, float]:
        """Macro accuracy and log loss of all clips."""
        columns = (self.clips, self.right[file], self.loss[file])
        macro, log_loss = _means(_by_class(np.asarray(self.label), *map(np.asarray, columns)))
        return float(macro[0]), float(log_loss[0])


def summed(logits: dict[str, np.ndarray], label: np.ndarray, moment: np.ndarray) -> ClusterSums:
    """Sum the answers of each file by moment: logits (n, K) by file, integers (n,) and (n,)."""
    label_M, cluster = metrics.clusters(label, moment)
    right, loss = {}, {}
    for file, scores in logits.items():
        right[file] = np.bincount(cluster, weights=scores.argmax(axis=1) == label).astype(int).tolist()
        loss[file] = np.bincount(cluster, weights=metrics.losses(scores, label)).tolist()
    return ClusterSums(label_M.tolist(), np.bincount(cluster).tolist(), right, loss)


def difference(first: ClusterSums, file: str, second: ClusterSums, other: str) -> Difference:
    """How much a file of the first is above another of the second; both have the same moments.

    Drawn as `tinyasc.metrics.score_part` draws, within each class as many moments as it has. From few of them a
    bootstrap is too narrow: a class of m moments varies by (m - 1) / m of what it should. Whether two files differ is
    decided here, so the draws are spread by sqrt(M / (M - S)), which makes up for it where classes have equally many
    (J. N. K. Rao and C. F. J. Wu, "Resampling inference with complex survey data", JASA 83, 1988).
    """
    label, clips = np.asarray(first.label), np.asarray(first.clips)
    right = np.subtract(first.right[file], second.right[other])
    loss = np.subtract(first.loss[file], second.loss[other])
    found = [float(one[0]) for one in _means(_by_class(label, clips, right, loss))]
    intervals: list[Interval | None] = [None, None]
    moments, classes = len(label), np.unique(label, return_counts=True)[1]
    if classes.min() > 1:
        draws = _means(bootstrap.resampled(np.stack([clips, right, loss], axis=1), label))
        spread = np.sqrt(moments / (moments - len(classes)))
        intervals = [bootstrap.interval(one + spread * (one_B - one)) for one, one_B in zip(found, draws, strict=True)]
    return Difference(found[0], intervals[0], found[1], intervals[1])


def _by_class(label: np.ndarray, *totals: np.ndarray) -> np.ndarray:
    """Sums of (M,) each by class, as one draw: (1, S, C)."""
    return np.stack([[column[label == one].sum() for column in totals] for one in np.unique(label)])[None]


def _means(totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums (B, S, 3) of clips, right answers and losses -> macro accuracy and log loss, (B,) each."""
    clips, right, loss = np.moveaxis(totals, -1, 0)
    return (right / clips).mean(axis=1), loss.sum(axis=1) / clips.sum(axis=1)
