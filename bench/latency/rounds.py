"""Latency of one inference on one thread, measured in interleaved rounds.

A round calls every model once, in an order drawn anew, so that slow phases of a shared machine hit all alike; ratios
are medians over rounds of paired quotients. Timed is one call from a ready input array to a copied output array,
without front-end and quantization.
"""

import gc
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from deploy.runtime import Model

WARM_UP_RUNS = 20
"""Calls of each model before the clock counts: kernels are chosen and caches filled in the first ones."""
LEAST_ROUNDS = 50
MOST_ROUNDS = 5000


@dataclass(frozen=True)
class Latency:
    """Times of one model, in milliseconds."""

    median: float
    p95: float
    """95th percentile."""
    runs: int
    kernels: str
    """Runtime and kernel family."""


@dataclass(frozen=True)
class Timing:
    """Milliseconds (rounds,) by model, taken in the same rounds."""

    milliseconds: dict[str, np.ndarray]
    kernels: dict[str, str]

    def latency(self, name: str) -> Latency:
        times = self.milliseconds[name]
        return Latency(float(np.median(times)), float(np.quantile(times, 0.95)), len(times), self.kernels[name])

    def ratio(self, name: str, reference: str) -> float:
        """Median over rounds of time(name) / time(reference); below 1, `name` is faster."""
        return float(np.median(self.milliseconds[name] / self.milliseconds[reference]))


def measure(models: Mapping[str, Model], seconds: float = 10.0, seed: int = 0) -> Timing:
    """Time the models against one another.

    Args:
        models: by name, each loaded with one thread.
        seconds: time to spend, warm-up included; at least LEAST_ROUNDS rounds are made.
        seed: of the input and of the orders.
    """
    start = time.perf_counter()
    generator = np.random.default_rng(seed)
    inputs = {}
    for name, model in models.items():
        inputs[name] = model.input.quantize(generator.standard_normal(model.input.shape))
        for _ in range(WARM_UP_RUNS):
            model.run(inputs[name])
    names = list(models)
    rounds: list[list[int]] = []  # nanoseconds in the order of `names`
    collecting = gc.isenabled()
    gc.disable()
    try:
        while len(rounds) < LEAST_ROUNDS or (len(rounds) < MOST_ROUNDS and time.perf_counter() - start < seconds):
            taken = [0] * len(names)
            for place in generator.permutation(len(names)):
                run, one = models[names[place]].run, inputs[names[place]]
                before = time.perf_counter_ns()
                run(one)
                taken[place] = time.perf_counter_ns() - before
            rounds.append(taken)
    finally:
        if collecting:
            gc.enable()
    columns = np.array(rounds).T / 1e6
    return Timing(dict(zip(names, columns, strict=True)), {name: model.kernels for name, model in models.items()})
