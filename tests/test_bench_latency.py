"""The stopwatch on models whose speed is known."""

import time
from pathlib import Path

import numpy as np
import pytest

from bench import latency
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
    timing = latency.measure({"slow": sleeper(4e-4, calls), "fast": sleeper(1e-4, calls)}, seconds=0.15)
    slow, fast = timing.latency("slow"), timing.latency("fast")
    assert slow.runs == fast.runs >= latency.LEAST_ROUNDS
    assert slow.median == pytest.approx(0.4, rel=0.3)
    assert slow.median <= slow.p95
    assert slow.kernels == "0.0004 s"
    assert timing.ratio("fast", "slow") == pytest.approx(0.25, rel=0.3)
    rounds = np.array(calls[2 * latency.WARM_UP_RUNS :]).reshape(-1, 2)
    assert (rounds.sum(axis=1) == 5e-4).all()  # each round calls both
    assert 0 < (rounds[:, 0] == 4e-4).mean() < 1  # in an order drawn anew
