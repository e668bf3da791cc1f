"""Two files on the same clips: how often they agree, which is better, and whether that is more than chance.

The clips of one moment (`Clips.moment`) are the same seconds by several devices, cut into pieces; they are answered
alike, and a test that takes them for independent is too sure. So whole moments are drawn, the same ones for both files
(a paired bootstrap): what is hard for both cancels out. A report keeps right answers and losses summed by moment, so
that two reports on one data set can be compared without the clips.

Shape legend: n test clips, K classes, p points, M moments of each class, S classes that occur, B bootstrap draws.
"""

from dataclasses import dataclass

import numpy as np

from bench.measure.accuracy.answers import Answers
from bench.measure.figure import Figure, Origin, path_of
from bench.measure.records import Natural
from tinyasc import bootstrap, metrics
from tinyasc.bootstrap import Interval
from tinyasc.clips import Clips

FREEDOM = 10
"""Moments of a part beyond one a class, below which an interval drawn over them says little."""
POINTS = 500
"""At most so many clips have their margins kept."""
DIGITS = 3
"""Decimals of a margin."""


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

    label: list[Natural]
    """(M,) class of each."""
    clips: list[Natural]
    """(M,) how many it has."""
    right: dict[str, list[Natural]]
    """By file: (M,) clips that it answers right."""
    loss: dict[str, list[float]]
    """By file: (M,) sum of -ln p(true class) over its clips, nats."""

    def __post_init__(self) -> None:
        columns = [self.clips, *self.right.values(), *self.loss.values()]
        if self.right.keys() != self.loss.keys() or any(len(column) != len(self.label) for column in columns):
            raise ValueError("the sums of its moments do not belong together")

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


@dataclass(frozen=True)
class Agreement:
    """On how many of some clips two files choose the same class."""

    clips: Natural
    same_top1: Natural


@dataclass(frozen=True)
class Exact:
    """How far two files that both give logits, or both probabilities, are from the same numbers."""

    identical: Natural
    """Clips on which all K numbers are equal, bit by bit."""
    largest_difference: float
    """Largest distance between two of them; of probabilities, between their logarithms."""


@dataclass(frozen=True)
class Margins:
    """How clearly two files answer some clips, (p,) each: the points of a picture of one against the other.

    The margin of a clip is ln p(true class) - ln p(likeliest other class), nats: log-odds of the true class against its
    strongest rival. A right answer has a margin above 0, a wrong one below, and a softmax does not change it; a margin
    of exactly 0, which integers allow, is right or wrong by the order of the classes.
    """

    clips: Natural
    """Of which they are taken."""
    first: list[float]
    second: list[float]
    right_first: list[bool]
    right_second: list[bool]


@dataclass(frozen=True)
class Pair:
    """Two files on the whole test split."""

    first: str
    second: str
    both_right: Natural
    """Clips, as the next three."""
    only_first: Natural
    only_second: Natural
    both_wrong: Natural
    macro: Figure
    """Difference, first - second, as the next; paired bootstrap over moments."""
    log_loss: Figure
    p_value: Figure
    """Of McNemar's test, exact and two-sided."""
    same_top1: Figure
    """Share of the clips on which both choose the same class."""
    agreement: Agreement
    agreement_by_device: dict[str, Agreement]
    agreement_by_class: dict[str, Agreement]
    exact: Exact | None
    """None: one gives logits and the other probabilities."""
    margins: Margins

    @property
    def significant(self) -> bool | None:
        """Whether macro accuracy differs by more than chance: the interval leaves out 0; None: there is no interval."""
        interval = self.macro.interval
        return None if interval is None else not interval[0] <= 0 <= interval[1]


def compared(
    first: str, second: str, answers: dict[str, Answers], sums: ClusterSums, *, clips: Clips, source: str
) -> Pair:
    """Compare two files, by name in `answers` and `sums`, on the test split of `clips`, which `source` names."""
    one, other = answers[first], answers[second]
    test = clips.labelled("test")
    label = clips.label[test]
    top1, other_top1 = one.logits.argmax(axis=1), other.logits.argmax(axis=1)
    right, other_right = top1 == label, other_top1 == label
    same = top1 == other_top1

    def by(index: np.ndarray, names: list[str]) -> dict[str, Agreement]:
        return {names[value]: _agreement(same[index == value]) for value in np.unique(index)}

    exact = None
    if one.probabilities == other.probabilities:
        identical = (one.logits == other.logits).all(axis=1).sum()
        exact = Exact(int(identical), float(np.abs(one.logits - other.logits).max()))
    only = int((right & ~other_right).sum()), int((other_right & ~right).sum())
    gap = difference(sums, first, sums, second)
    both, place = f"{first} and {second} on the {source}", f"accuracy/{path_of(first)}/against/{path_of(second)}"
    drawn, tested = (
        Origin(place, f"{both}, paired bootstrap over moments"),
        Origin(place, f"{both}, McNemar's exact test"),
    )
    return Pair(
        first=first,
        second=second,
        both_right=int((right & other_right).sum()),
        only_first=only[0],
        only_second=only[1],
        both_wrong=int((~right & ~other_right).sum()),
        macro=drawn.figure("macro", gap.macro, "fraction", gap.macro_interval),
        log_loss=drawn.figure("log_loss", gap.log_loss, "nats", gap.log_loss_interval),
        p_value=tested.figure("p_value", p_value(*only), "fraction"),
        same_top1=Origin(place, both).figure("same_top1", same.mean().item(), "fraction"),
        agreement=_agreement(same),
        agreement_by_device=by(clips.device[test], clips.devices),
        agreement_by_class=by(label, clips.labels),
        exact=exact,
        margins=margins(one.logits, other.logits, label),
    )


def p_value(only_first: int, only_second: int) -> float:
    """Exact, two-sided p of McNemar's test, from the clips that one file alone answers right.

    Without a difference, each of these n clips is as likely the first's as the second's, so the smaller count is
    binomial with p = 1/2: the p value is the probability of a count as small or smaller, times two, and at most 1. It
    takes clips for independent. Source: Q. McNemar, "Note on the sampling error of the difference between correlated
    proportions or percentages", Psychometrika 12 (1947); the exact binomial form in place of his chi-squared one, which
    is rough below some 25 clips.
    """
    n = only_first + only_second
    term = tail = 1  # of Pascal's row n, integers: no rounding before the last division
    for taken in range(min(only_first, only_second)):
        term = term * (n - taken) // (taken + 1)
        tail += term
    return min(1.0, 2 * tail / 2**n)


def margins(first: np.ndarray, second: np.ndarray, label: np.ndarray) -> Margins:
    """Margins of two files, logits (n, K) each; of more than POINTS clips, POINTS of them.

    They are taken at even steps from the clips in order of the second's margin: as dense as all, and always the same.
    """
    values = [_margin(logits, label) for logits in (first, second)]
    right = [logits.argmax(axis=1) == label for logits in (first, second)]
    order = np.argsort(values[1], kind="stable")
    kept = order[np.unique(np.linspace(0, len(order) - 1, POINTS).round().astype(int))]
    first_p, second_p = (margin[kept].round(DIGITS).tolist() for margin in values)
    return Margins(len(label), first_p, second_p, right[0][kept].tolist(), right[1][kept].tolist())


def _agreement(same: np.ndarray) -> Agreement:
    return Agreement(len(same), int(same.sum()))


def _margin(logits: np.ndarray, label: np.ndarray) -> np.ndarray:
    """(n, K) -> float64 (n,)."""
    others = logits.astype(np.float64)
    clips = np.arange(len(label))
    true = others[clips, label]
    others[clips, label] = -np.inf
    return true - others.max(axis=1)
