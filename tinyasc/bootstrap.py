"""Confidence intervals by drawing whole clusters of clips with replacement, within each stratum (percentile method).

Of each stratum (a class) as many clusters are drawn as it has, so that no draw loses one.

Shape legend: M clusters, S strata, C columns, B draws, b draws of one block.
"""

import numpy as np

Interval = tuple[float, float]

DRAWS = 1000
SEED = 0
CONFIDENCE = 0.95
BLOCK = 2**22
"""Numbers drawn at a time: some dozen megabytes."""


def resampled(totals: np.ndarray, stratum: np.ndarray) -> np.ndarray:
    """Sums over the clusters of each draw, by stratum: (M, C), integer (M,) -> float64 (B, S, C).

    The strata that occur are in ascending order, and drawn independently; the seed is fixed.
    """
    generator = np.random.default_rng(SEED)
    return np.stack([_drawn(totals[stratum == one], generator) for one in np.unique(stratum)], axis=1)


def _drawn(totals: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Of one stratum: (M, C) -> (B, C)."""
    n_clusters = len(totals)
    totals = totals.astype(np.float64)  # integers would leave BLAS
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
