"""Ranges of activations and steps of weights: all of the values, or what loses least if some are clipped.

Entropy is that of Migacz, "8-bit inference with TensorRT", GPU Technology Conference 2017: least divergence from
clipped values to rounded ones. There values are symmetric and their magnitudes have 128 levels; here a value that is
never below 0.0, as behind a ReLU, has all 256. The bin next to 0.0 takes the count of its neighbour: most of what a
ReLU gives is 0.0, which every range holds exactly.

Shapes: B batch, C channels, F mel bands, T frames; O output channels (1 where all share a step).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from compress.operations.convolution import Convolution
from compress.operations.weights import quantize_weight
from compress.program import Program
from compress.quantization import INT8_MAX, INT8_MIN, Range, activation
from compress.simulate import observe, run_float

Way = Literal["min_max", "percentile", "mse", "entropy"]
BINS = 2048
RANGE_SHARES = np.linspace(0.3, 1.0, 71)
"""Of an end of the whole range, that squared_error tries: of both ends in all pairs."""
STEP_SHARES = np.linspace(0.5, 1.0, 51, dtype=np.float32)
"""Of the step at which the largest weight is 127, that least_error tries."""


@dataclass(frozen=True)
class Histogram:
    """Counts of the values of an activation in bins of one width over their range."""

    counts: NDArray[np.float64]
    """(bins,)."""
    range: Range
    """From the lower edge of the first bin to the upper edge of the last."""

    @property
    def edges(self) -> NDArray[np.float64]:
        """(bins + 1,)."""
        return np.linspace(self.range.low, self.range.high, len(self.counts) + 1)

    @property
    def centres(self) -> NDArray[np.float64]:
        """(bins,)."""
        return (self.edges[1:] + self.edges[:-1]) / 2


def histograms(program: Program, batches: Sequence[Tensor]) -> dict[str, Histogram]:
    """Of every value of a float program over log-mel (B, C, F, T), in two passes: the ranges first, then the counts."""
    ranges = observe(program, batches)
    counts = {name: torch.zeros(BINS, dtype=torch.float64) for name in ranges}
    for log_mel in batches:
        for name, value in run_float(program, log_mel).items():
            counts[name] += torch.histc(value, BINS, ranges[name].low, ranges[name].high)
    return {name: Histogram(found.numpy(), ranges[name]) for name, found in counts.items()}


def set_ranges(program: Program, batches: Sequence[Tensor], way: Way, percent: float) -> dict[str, Range]:
    """A range for every value of a float program.

    What operations have inside keeps its whole range: it is no int8 that could be finer for being clipped. `percent` is
    for the way percentile.
    """
    if way == "min_max":
        return observe(program, batches)
    ways: dict[str, Callable[[Histogram], Range]] = {
        "percentile": partial(percentile, percent=percent),
        "mse": squared_error,
        "entropy": entropy,
    }
    inside = {name for operation in program.operations for name in operation.inside}
    seen = tqdm(histograms(program, batches).items(), "ranges", leave=False, unit="value")
    return {name: found.range if name in inside else ways[way](found) for name, found in seen}


def percentile(histogram: Histogram, percent: float) -> Range:
    """From where 100 - percent % of the values are below, to where as many are above.

    Args:
        histogram: of the values; they are taken as even within a bin.
        percent: above 50, at most 100.
    """
    below = np.concatenate([[0.0], np.cumsum(histogram.counts)]) / histogram.counts.sum()
    # of several edges with one share, the outermost bin that holds anything ends there
    high = np.interp(percent / 100, below, histogram.edges)
    low = -np.interp(percent / 100, 1 - below[::-1], -histogram.edges[::-1])
    return Range(float(low), float(high))


def squared_error(histogram: Histogram) -> Range:
    """The range of least mean squared error after int8 quantization, each bin taken at its centre."""
    low, high = histogram.range.low, histogram.range.high
    lows = low * RANGE_SHARES if low < 0 else [low]
    highs = high * RANGE_SHARES if high > 0 else [high]
    candidates = (Range(float(a), float(b)) for a, b in product(lows, highs))
    return min(candidates, key=lambda candidate: _squared_error(histogram, candidate))


def _squared_error(histogram: Histogram, candidate: Range) -> float:
    """Sum of squared errors of all values: rounding within the range, clipping outside."""
    grid, centres = activation(candidate), histogram.centres
    integers = np.clip(np.rint(centres / grid.step), INT8_MIN - grid.zero_point, INT8_MAX - grid.zero_point)
    return float(histogram.counts @ np.square(integers * grid.step - centres))


def entropy(histogram: Histogram) -> Range:
    """The range, both its ends clipped to one magnitude, of least Kullback-Leibler divergence."""
    low, high = histogram.range.low, histogram.range.high
    limit = max(abs(low), abs(high))
    bins = len(histogram.counts)
    counts, edges = np.histogram(np.abs(histogram.centres), bins, (0.0, limit), weights=histogram.counts)
    counts[0] = counts[1]
    levels = 256 if low >= 0 or high <= 0 else 128
    kept = min(range(levels, bins + 1), key=lambda candidate: divergence(counts, candidate, levels))
    threshold = float(edges[kept])
    return Range(max(low, -threshold), min(high, threshold))


def divergence(counts: NDArray[np.float64], kept: int, levels: int) -> float:
    """Kullback-Leibler divergence (nats) of the quantized distribution from that of the clipped values.

    Args:
        counts: of magnitudes, from 0.0 on (bins,).
        kept: bins in the range; what is above is clipped into the last of them.
        levels: that the range is rounded to; each spreads its count evenly over those of its bins that hold any.
    """
    inside = counts[:kept]
    clipped = inside.copy()
    clipped[-1] += counts[kept:].sum()
    level = np.arange(kept) * levels // kept  # of each bin
    filled = inside > 0
    shared = np.bincount(level, inside, levels) / np.maximum(np.bincount(level, filled, levels), 1)
    rounded = np.where(filled, shared[level], 0.0)
    if not rounded.any():
        return np.inf
    p, q = clipped / clipped.sum(), rounded / rounded.sum()
    seen = p > 0
    if (q[seen] == 0).any():
        return np.inf
    return float((p[seen] * np.log(p[seen] / q[seen])).sum())


def least_error(program: Program) -> Program:
    """The float program whose convolutions have the `weight_step` of least mean squared error of their weights."""
    operations = tuple(
        _with_step(one) if isinstance(one, Convolution) and one.trainable else one for one in program.operations
    )
    return replace(program, operations=operations)


def _with_step(operation: Convolution) -> Convolution:
    weight, axes = operation.weight, (0, 1, 2, 3) if operation.shared_step else (1, 2, 3)
    largest = np.abs(weight).max(axes, keepdims=True).ravel()  # (O,)
    whole = np.maximum(largest / np.float32(INT8_MAX), np.float32(1e-12))
    steps = STEP_SHARES[:, None] * whole  # (shares, O)
    rounded = (quantize_weight(weight, step) * step[:, None, None, None] for step in steps)
    errors = np.stack([np.square(one - weight).sum(axes, keepdims=True).ravel() for one in rounded])
    return replace(operation, weight_step=steps[errors.argmin(0), np.arange(len(whole))])
