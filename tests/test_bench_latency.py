"""The stopwatch on models whose speed is known."""

import time
from pathlib import Path

import numpy as np

from bench.latency import rounds as latency
from deploy.runtime import Model, Port


def sleeper(seconds: float, calls: list[float]) -> Model:
    def run(raw: np.ndarray) -> np.ndarray:
        calls.append(seconds)
        end = time.perf_counter() + seconds  # spinning: a sleeping thread wakes late on a busy machine
        while time.perf_counter() < end:
            pass
        return raw

    port = Port((1, 2), np.dtype(np.float32))
    return Model(Path("m"), f"{seconds} s", 0, port, port, run)


def test_interleaved_rounds_give_paired_ratios() -> None:
    calls: list[float] = []
    started = time.perf_counter()
    timing = latency.measure({"slow": sleeper(4e-4, calls), "fast": sleeper(1e-4, calls)}, seconds=0.15)
    elapsed = 1e3 * (time.perf_counter() - started)
    slow, fast = timing.latency("slow"), timing.latency("fast")
    assert slow.runs == fast.runs >= latency.LEAST_ROUNDS
    # However busy the machine: no run is shorter than it spins, and all together no longer than the clock on the wall.
    assert timing.milliseconds["slow"].min() > 0.399
    assert timing.milliseconds["fast"].min() > 0.099
    assert sum(times.sum() for times in timing.milliseconds.values()) < elapsed
    assert fast.median < slow.median <= slow.p95
    assert slow.kernels == "0.0004 s"
    assert timing.ratio("fast", "slow") < 1 < timing.ratio("slow", "fast")
    rounds = np.array(calls[2 * latency.WARM_UP_RUNS :]).reshape(-1, 2)
    assert (rounds.sum(axis=1) == 5e-4).all()  # each round calls both
    assert 0 < (rounds[:, 0] == 4e-4).mean() < 1  # in an order drawn anew


def test_a_ratio_is_the_median_of_quotients_within_rounds() -> None:
    timing = latency.Timing({"one": np.array([1.0, 2.0, 9.0]), "other": np.array([2.0, 4.0, 3.0])}, {})
    assert timing.ratio("one", "other") == 0.5  # not 2 / 3, the quotient of the medians
