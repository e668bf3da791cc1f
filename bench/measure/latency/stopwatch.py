"""What is timed, and how one call is timed.

Before the call that counts, the same call runs once uncounted. Then a figure does not depend on who ran before: caches
and threads are its own, as they are where one model runs alone. Without, networks took 10 to 60 % more in the company
of five others than alone; with it, at most a fifth more.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from deploy.runtime import Model


@dataclass(frozen=True)
class Stopwatch:
    """Something that can be timed again and again."""

    kernels: str
    """Runtime and kernel family of what is timed."""
    time: Callable[[], int]
    """Runs it and gives the nanoseconds of one call."""


def settled(call: Callable[[], object]) -> Callable[[], int]:
    """Nanoseconds of one call that follows another at once."""

    def nanoseconds() -> int:
        call()
        start = time.perf_counter_ns()
        call()
        return time.perf_counter_ns() - start

    return nanoseconds


def of_model(model: Model) -> Stopwatch:
    """One inference: from a ready input array, drawn from a normal distribution, to a copied output array."""
    raw = model.input.quantize(np.random.default_rng(0).standard_normal(model.input.shape))
    return Stopwatch(model.kernels, settled(lambda: model.run(raw)))
