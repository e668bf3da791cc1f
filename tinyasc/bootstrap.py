"""Confidence intervals by drawing whole clusters of clips with replacement, as many as there are (percentile method).

Shape legend: M clusters, C columns, B draws, b draws of one block.
"""

import numpy as np

Interval = tuple[float, float]

DRAWS = 1000
SEED = 0
CONFIDENCE = 0.95
BLOCK = 2**22
"""Numbers drawn at a time: some dozen megabytes."""


def resampled(totals: np.ndarray) -> np.ndarray:
    """Sums over the clusters of each draw: (M, C) -> float64 (B, C). The seed is fixed."""
    n_clusters = len(totals)
    totals = totals.astype(np.float64)  # integers would leave BLAS
    generator = np.random.default_rng(SEED)
    size = max(1, BLOCK // n_clusters)
    blocks = []
    for first in range(0, DRAWS, size):
        rows = min(size, DRAWS - first)
        drawn = generator.integers(n_clusters, size=(rows, n_clusters))
        drawn += n_clusters * np.arange(rows)[:, None]
        times_bM = np.bincount(drawn.ravel(), minlength=rows * n_clusters).reshape(rows, n_clusters)
        blocks.append(times_bM.astype(np.float64) @ totals)
    return np.concatenate(blocks)


def interval(values: np.ndarray) -> Interval:
    """The middle 95 % of a statistic's values (B,) over the draws."""
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
