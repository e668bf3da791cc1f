"""The range whose int8 form tells most of the distribution: least divergence from clipped values to rounded ones.

Source: Migacz, "8-bit inference with TensorRT", GPU Technology Conference 2017. There values are symmetric and their
magnitudes have 128 levels; here a value that is never below 0.0, as behind a ReLU, has all 256. The bin next to 0.0
takes the count of its neighbour: most of what a ReLU gives is 0.0, which every range holds exactly.
"""

import numpy as np
from numpy.typing import NDArray

from compress.ptq.ranges.histogram import Histogram
from compress.quantization import Range


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
