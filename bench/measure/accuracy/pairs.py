"""Two files on the same clips: how often they agree, which is better, and whether that is more than chance.

Shape legend: n test clips, K classes.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bench.measure.accuracy import mcnemar
from bench.measure.accuracy.answers import Answers
from bench.measure.accuracy.margins import Margins, margins
from bench.measure.accuracy.moments import Difference, Moments
from tinyasc.clips import Clips

CAVEAT = (
    "McNemar's test takes clips for independent, but those of one moment are answered alike, so its p tends to be too "
    "small; the intervals of the differences are drawn over moments and are the safer word."
)


@dataclass(frozen=True)
class Agreement:
    """On how many of some clips two files choose the same class."""

    clips: int
    same_top1: int


@dataclass(frozen=True)
class Exact:
    """How far two files that both give logits, or both probabilities, are from the same numbers."""

    identical: int
    """Clips on which all K numbers are equal, bit by bit."""
    largest_difference: float
    """Largest distance between two of them; of probabilities, between their logarithms."""


@dataclass(frozen=True)
class Pair:
    """Two files on the whole test split."""

    first: str
    """File name, as the next."""
    second: str
    both_right: int
    """Clips, as the next three."""
    only_first: int
    """Right in the first, wrong in the second."""
    only_second: int
    both_wrong: int
    difference: Difference
    """first - second."""
    agreement: Agreement
    agreement_by_device: dict[str, Agreement]
    agreement_by_class: dict[str, Agreement]
    """By true class."""
    exact: Exact | None
    """None: one gives logits and the other probabilities."""
    margins: Margins

    @property
    def p_value(self) -> float:
        """Of McNemar's test, exact and two-sided."""
        return mcnemar.p_value(self.only_first, self.only_second)

    @property
    def significant(self) -> bool | None:
        """Whether macro accuracy differs by more than chance: the interval leaves out 0; None: there is no interval."""
        interval = self.difference.macro_interval
        return None if interval is None else not interval[0] <= 0 <= interval[1]

    def content(self) -> dict[str, Any]:
        """The fields by name, with `mcnemar` and `significant`; see `bench.measure.accuracy.findings.content`."""
        return {
            "first": self.first,
            "second": self.second,
            "both_right": self.both_right,
            "only_first": self.only_first,
            "only_second": self.only_second,
            "both_wrong": self.both_wrong,
            "mcnemar": {"test": "exact binomial, two-sided", "p": self.p_value, "caveat": CAVEAT},
            "difference": asdict(self.difference),
            "significant": self.significant,
            "agreement": asdict(self.agreement),
            "agreement_by_device": {name: asdict(found) for name, found in self.agreement_by_device.items()},
            "agreement_by_class": {name: asdict(found) for name, found in self.agreement_by_class.items()},
            "exact": None if self.exact is None else asdict(self.exact),
            "margins": self.margins.content(),
        }


def compared(first: str, second: str, answers: dict[str, Answers], moments: Moments, clips: Clips) -> Pair:
    """Compare two files by the names that `answers` and `moments` know them by; clips: the data set they answered."""
    one, other = answers[first], answers[second]
    test = clips.labelled("test")
    label = clips.label[test]
    top1, other_top1 = one.logits.argmax(axis=1), other.logits.argmax(axis=1)
    right, other_right = top1 == label, other_top1 == label
    same = top1 == other_top1

    def by(index: np.ndarray, names: list[str]) -> dict[str, Agreement]:
        return {names[value]: _agreement(same[index == value]) for value in np.unique(index)}

    comparable = one.probabilities == other.probabilities
    return Pair(
        first=first,
        second=second,
        both_right=int((right & other_right).sum()),
        only_first=int((right & ~other_right).sum()),
        only_second=int((other_right & ~right).sum()),
        both_wrong=int((~right & ~other_right).sum()),
        difference=moments.difference(first, second),
        agreement=_agreement(same),
        agreement_by_device=by(clips.device[test], clips.devices),
        agreement_by_class=by(label, clips.labels),
        exact=_exact(one.logits, other.logits) if comparable else None,
        margins=margins(one.logits, other.logits, label),
    )


def _agreement(same: np.ndarray) -> Agreement:
    return Agreement(len(same), int(same.sum()))


def _exact(first: np.ndarray, second: np.ndarray) -> Exact:
    return Exact(int((first == second).all(axis=1).sum()), float(np.abs(first - second).max()))
