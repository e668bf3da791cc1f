"""Interleaved timing that holds on a noisy machine.

A round times every stopwatch once, in an order drawn anew, so that slow phases of a shared machine hit all alike;
ratios are medians over rounds of paired quotients. A stopwatch leaves the rounds when the 95 % interval of its median
is narrow enough, or when it has used up its share of the time. The interval is looked at seldom, after half as many
rounds again each time, so that looking often does not make it look surer than it is. It takes rounds to be independent;
where the machine slowed down for long in between they are not, so what drifted does not count as known. And it is of
these minutes: on a shared machine the same files had medians an eighth apart from one run to the next, each within 1 %
by its interval, and ratios within 1 %.
"""

import gc
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench.measure.latency import order_statistics
from bench.measure.latency.order_statistics import Median
from bench.measure.latency.stopwatch import Stopwatch
from bench.measure.records import Natural

MAX_REL_CI = 0.02
"""Half the 95 % interval of a median, as a share of it, from which on a latency counts as known."""
MAX_DRIFT = 0.05
"""How far the medians of the earlier and the later half may be apart then, as a share. Their distance has twice the
standard error of the whole's median, 2 % where that is as MAX_REL_CI asks; this is two and a half times as much."""
WARM_UP_RUNS = 20
"""Kernels are chosen and caches filled in the first ones."""
WARM_UP_SECONDS = 0.3
LEAST_ROUNDS = 60
"""Made however little time there is: enough for a 95th percentile."""
ENOUGH_ROUNDS = 300
"""Made where there is time, however sure a median is by then: enough for a 99th percentile."""
MOST_ROUNDS = 5000


@dataclass(frozen=True)
class Latency:
    """Times of one thing, in milliseconds."""

    median: float
    interval: tuple[float, float] | None
    """95 % confidence interval of the median."""
    p95: float | None
    """95th percentile; None after too few runs."""
    p99: float | None
    drift: float
    """Median of the later half of the runs over that of the earlier."""
    runs: Natural
    converged: bool
    """Whether the interval is as narrow as MAX_REL_CI asks, and the drift as small as MAX_DRIFT."""
    kernels: str


@dataclass(frozen=True)
class Timing:
    """Milliseconds (rounds,) by name, in the order of the rounds; who left earlier has fewer."""

    milliseconds: dict[str, np.ndarray]
    kernels: dict[str, str]

    def latency(self, name: str) -> Latency:
        times = self.milliseconds[name]
        middle = order_statistics.median(times)
        return Latency(
            median=middle.value,
            interval=middle.interval,
            p95=order_statistics.percentile(times, 0.95),
            p99=order_statistics.percentile(times, 0.99),
            drift=_drift(times),
            runs=len(times),
            converged=_converged(times),
            kernels=self.kernels[name],
        )

    def quotient(self, name: str, reference: str) -> Median:
        """Of time(name) / time(reference) over the rounds that both were in; below 1, `name` is faster."""
        one, other = self.milliseconds[name], self.milliseconds[reference]
        both = min(len(one), len(other))
        return order_statistics.median(one[:both] / other[:both])


def interleaved(
    stopwatches: Mapping[str, Stopwatch], seconds: float, least: int = LEAST_ROUNDS, enough: int | None = ENOUGH_ROUNDS
) -> Timing:
    """Time all against one another, until all are sure or the time is up.

    Args:
        stopwatches: by name.
        seconds: to spend, warm-up included.
        least: rounds that are made however long they take.
        enough: rounds after which a stopwatch that is sure may leave; None: none leaves, all have as many rounds.
    """
    start = time.perf_counter()
    generator = np.random.default_rng(0)
    for one in stopwatches.values():
        _warm_up(one)
    share = (seconds - (time.perf_counter() - start)) / max(1, len(stopwatches))
    taken: dict[str, list[int]] = {name: [] for name in stopwatches}
    spent = dict.fromkeys(stopwatches, 0.0)
    active, rounds, look = list(stopwatches), 0, enough or 0
    collecting = gc.isenabled()
    gc.disable()
    try:
        while active and rounds < MOST_ROUNDS:
            for place in generator.permutation(len(active)):
                name, before = active[place], time.perf_counter()
                taken[name].append(stopwatches[name].time())
                spent[name] += time.perf_counter() - before
            rounds += 1
            if rounds < least:
                continue
            if enough is None:
                active = active if sum(spent.values()) < share * len(spent) else []
                continue
            active = [name for name in active if spent[name] < share]
            if rounds == look:
                look += look // 2
                active = [name for name in active if not _converged(np.array(taken[name]))]
    finally:
        if collecting:
            gc.enable()
    milliseconds = {name: np.array(times) / 1e6 for name, times in taken.items()}
    return Timing(milliseconds, {name: one.kernels for name, one in stopwatches.items()})


def _warm_up(one: Stopwatch) -> None:
    start = time.perf_counter()
    for _ in range(WARM_UP_RUNS):
        one.time()
        if time.perf_counter() - start > WARM_UP_SECONDS:
            break


def _converged(times: np.ndarray) -> bool:
    return order_statistics.median(times).uncertainty <= MAX_REL_CI and abs(_drift(times) - 1) <= MAX_DRIFT


def _drift(times: np.ndarray) -> float:
    half = len(times) // 2
    return float(np.median(times[half:]) / np.median(times[: half or 1]))
