"""Interleaved rounds, on stopwatches whose readings are known."""

import itertools
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from bench.measure.latency import rounds, stopwatch
from bench.measure.latency.stopwatch import Stopwatch
from deploy.runtime import Model, Port

LONG = 60.0
"""Seconds that no test takes: what ends it is something else."""


def reading(nanoseconds: Iterable[int]) -> Stopwatch:
    """A stopwatch that reads these, again and again."""
    return Stopwatch("none", itertools.cycle(nanoseconds).__next__)


def called(name: str, calls: list[str]) -> Callable[[], int]:
    def time() -> int:
        calls.append(name)
        return 1

    return time


def test_each_round_times_all_in_an_order_drawn_anew() -> None:
    calls: list[str] = []
    watches = {name: Stopwatch(name, called(name, calls)) for name in "abc"}
    timing = rounds.interleaved(watches, seconds=LONG, least=40, enough=40)
    together = np.array(calls[len(watches) * rounds.WARM_UP_RUNS :]).reshape(-1, 3)
    assert len(together) == timing.latency("a").runs == 40
    assert (np.sort(together, axis=1) == list("abc")).all()
    assert len({tuple(one) for one in together}) == 6  # every order there is
    assert timing.latency("b").kernels == "b"


def test_who_is_sure_leaves_and_the_others_go_on() -> None:
    watches = {"steady": reading([1_000_000]), "wild": reading([1_000_000, 2_000_000])}
    timing = rounds.interleaved(watches, seconds=LONG)
    steady, wild = timing.latency("steady"), timing.latency("wild")
    assert (steady.runs, steady.converged, steady.interval) == (rounds.ENOUGH_ROUNDS, True, (1.0, 1.0))
    assert (wild.runs, wild.converged, wild.interval) == (rounds.MOST_ROUNDS, False, (1.0, 2.0))
    assert timing.quotient("wild", "steady").value == 1.5  # over the rounds that both were in


def test_those_who_are_compared_within_rounds_stay_in_all_of_them() -> None:
    watches = {"steady": reading([1_000_000]), "wild": reading([1_000_000, 2_000_000])}
    timing = rounds.interleaved(watches, seconds=LONG, enough=None)
    assert timing.latency("steady").runs == timing.latency("wild").runs == rounds.MOST_ROUNDS
    timing = rounds.interleaved(watches, seconds=0.0, least=7, enough=None)
    assert timing.latency("steady").runs == timing.latency("wild").runs == 7


def test_without_time_the_least_number_of_rounds_is_made() -> None:
    timing = rounds.interleaved({"one": reading([1])}, seconds=0.0)
    assert timing.latency("one").runs == rounds.LEAST_ROUNDS
    assert timing.latency("one").p95 == 1e-6
    assert timing.latency("one").p99 is None  # too few


def test_a_ratio_is_the_median_of_quotients_within_rounds() -> None:
    timing = rounds.Timing({"one": np.array([1.0, 2.0, 9.0]), "other": np.array([2.0, 4.0, 3.0, 8.0])}, {})
    assert timing.quotient("one", "other").value == 0.5  # not 2 / 3.5, the quotient of the medians


@pytest.mark.parametrize(("times", "drift"), [([1, 1, 1, 1], 1.0), ([1, 1, 2, 2], 2.0), ([4, 4, 4, 1, 1, 1], 0.25)])
def test_drift_compares_the_halves(times: list[int], drift: float) -> None:
    assert rounds.Timing({"one": np.array(times)}, {"one": ""}).latency("one").drift == drift


@pytest.mark.parametrize(("last", "sure"), [(1.05, True), (1.3, False)])
def test_what_drifted_is_not_known_however_narrow_its_interval(last: float, sure: bool) -> None:
    latency = rounds.Timing({"one": np.linspace(1, last, 300)}, {"one": ""}).latency("one")
    assert latency.interval is not None
    assert (latency.interval[1] - latency.interval[0]) / 2 < rounds.MAX_REL_CI * latency.median
    assert latency.converged == sure


def test_a_call_is_timed_behind_one_that_is_not() -> None:
    calls: list[int] = []
    port = Port((1, 2), np.dtype(np.int8), 0.5)

    def run(raw: np.ndarray) -> np.ndarray:
        assert raw.dtype == np.int8
        calls.append(len(calls))
        return raw

    watch = stopwatch.of_model(Model(Path("m"), "some kernels", 0, port, port, run))
    assert watch.time() > 0
    assert len(calls) == 2
    assert watch.kernels == "some kernels"
