"""One benchmark: our way and the field's way of the same work, measured in turn in one run.

A way may work in a process of its own, `Aside`: how memory is taken from the system is a choice of a process.
"""

import multiprocessing
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType


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


class Aside:
    """A process that does a round of its work whenever it is asked to, and sleeps between rounds."""

    def __init__(self, setup: Callable[..., Callable[[], object]], *arguments: object) -> None:
        """Starts it, and waits until it is ready.

        Args:
            setup: a function of a module, called there; what it returns is called for a round.
            arguments: of `setup`.
        """
        context = multiprocessing.get_context("spawn")
        self._asked, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, setup, arguments))
        self._process.start()
        there.close()
        self._asked.recv()

    def __enter__(self) -> "Aside":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._asked.close()
        self._process.join()

    def __call__(self) -> None:
        """One round."""
        self._asked.send(None)
        self._asked.recv()


def _serve(asked: Connection, setup: Callable[..., Callable[[], object]], arguments: tuple[object, ...]) -> None:
    work = setup(*arguments)
    try:
        while True:
            asked.send(None)
            asked.recv()
            work()
    except (EOFError, ConnectionError):  # nobody will ask again
        return
