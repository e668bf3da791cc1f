"""One benchmark: our way and the field's way of the same work, measured in turn in one run."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """Two ways to do the same work."""

    name: str
    """What is done, with its size."""
    theirs: Callable[[], object]
    """The field's usual way, one round."""
    ours: Callable[[], object]
    """This project's way, one round of the same work."""
    aim: float
    """How many times as fast ours is meant to be."""
    rounds: int = 7
    """Counted rounds of each, in turn, after one that is not counted."""


@dataclass(frozen=True)
class Ratio:
    """What was measured."""

    theirs: float
    """Median of the rounds, s."""
    ours: float
    """Median of the rounds, s."""
    ratio: float
    """Median of their time over our time, round by round."""
    low: float
    """Smallest ratio of a round."""
    high: float
    """Largest ratio of a round."""


def measure(case: Case) -> Ratio:
    """Run a case: a pair of rounds after the other, so that a change of the machine's speed hits both ways alike."""
    pairs = [(_seconds(case.theirs), _seconds(case.ours)) for _ in range(case.rounds + 1)][1:]
    ratios = [theirs / ours for theirs, ours in pairs]
    return Ratio(
        theirs=statistics.median(theirs for theirs, _ in pairs),
        ours=statistics.median(ours for _, ours in pairs),
        ratio=statistics.median(ratios),
        low=min(ratios),
        high=max(ratios),
    )


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
