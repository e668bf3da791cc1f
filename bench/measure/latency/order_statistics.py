"""Medians and percentiles of a sample with what it says about them, whatever its distribution.

Between the k-th smallest and the k-th largest of n independent values lies the median of their distribution unless
fewer than k of them fall on one of its sides: with probability 1 - 2 P(Bin(n, 1/2) < k). Source: H. A. David and H. N.
Nagaraja, Order Statistics, 3rd edition, Wiley 2003, section 7.1.
"""

from dataclasses import dataclass
from functools import cache
from math import ceil, log

import numpy as np

WRONG_ONE_IN = 20
"""How often an interval may miss: 95 % confidence."""


@dataclass(frozen=True)
class Median:
    """Of a sample."""

    value: float
    interval: tuple[float, float] | None
    """95 % confidence interval; None with too few values for one (fewer than 6)."""

    @property
    def uncertainty(self) -> float:
        """Half the interval as a share of the value; infinite without an interval."""
        if self.interval is None or self.value == 0:
            return float("inf")
        return (self.interval[1] - self.interval[0]) / 2 / abs(self.value)


def median(sample: np.ndarray) -> Median:
    """The median of a sample (n,), n >= 1, with its interval."""
    place = rank(len(sample))
    if place is None:
        return Median(float(np.median(sample)), None)
    ordered = np.sort(sample)
    return Median(float(np.median(ordered)), (float(ordered[place - 1]), float(ordered[-place])))


@cache
def rank(n: int) -> int | None:
    """The greatest k whose interval, from the k-th smallest to the k-th largest of n, has 95 %; None: too few."""
    below, term, k = 0, 1, 0  # `below`: 2^n P(Bin(n, 1/2) < k); `term`: the number of ways to choose k of n
    while (below + term) * 2 * WRONG_ONE_IN <= 2**n:
        below += term
        term = term * (n - k) // (k + 1)
        k += 1
    return k or None


def least_runs(share: float) -> int:
    """How many values it takes until the largest exceeds the percentile with 95 %: 59 for the 95th, 299 for the 99th.

    Source: S. S. Wilks, Determination of sample sizes for setting tolerance limits, Ann. Math. Statist. 12, 1941.
    """
    return ceil(log(1 / WRONG_ONE_IN) / log(share))


def percentile(sample: np.ndarray, share: float) -> float | None:
    """The value that `share` of the distribution lies below; None with too few values to tell."""
    return float(np.quantile(sample, share)) if len(sample) >= least_runs(share) else None
