"""Intervals of medians against the exact table, and against samples whose median is known."""

from math import comb

import numpy as np
import pytest

from bench.measure.latency import order_statistics


# Ranks and their confidence in per cent, as textbooks' tables of intervals for a median print them. Every line follows
# from 1 - 2 P(Bin(n, 1/2) < k), which the test holds it to.
@pytest.mark.parametrize(
    ("n", "k", "confidence"),
    [(6, 1, 96.9), (9, 2, 96.1), (12, 3, 96.1), (15, 4, 96.5), (17, 5, 95.1), (20, 6, 95.9), (100, 40, 96.5)],
)
def test_ranks_are_those_of_the_table(n: int, k: int, confidence: float) -> None:
    assert order_statistics.rank(n) == k
    covered = [1 - 2 * sum(comb(n, i) for i in range(rank)) / 2**n for rank in (k, k + 1)]
    assert round(100 * covered[0], 1) == confidence
    assert covered[1] < 0.95  # the next narrower one would be too narrow


def test_too_few_values_have_no_interval() -> None:
    assert order_statistics.median(np.arange(5.0)).interval is None
    assert order_statistics.median(np.arange(5.0)).uncertainty == float("inf")
    assert order_statistics.median(np.arange(6.0)).interval == (0.0, 5.0)


def test_intervals_cover_the_median_of_a_skewed_distribution() -> None:
    samples = np.random.default_rng(0).exponential(size=(4000, 35))
    intervals = np.array([order_statistics.median(sample).interval for sample in samples])
    covered = ((intervals[:, 0] < np.log(2)) & (np.log(2) < intervals[:, 1])).mean()
    assert covered == pytest.approx(0.959, abs=0.01)  # 35 values: 12th to 24th, 95.9 %


@pytest.mark.parametrize(("share", "runs"), [(0.95, 59), (0.99, 299)])  # Wilks 1941
def test_a_percentile_needs_its_number_of_runs(share: float, runs: int) -> None:
    assert order_statistics.least_runs(share) == runs
    assert order_statistics.percentile(np.arange(runs - 1.0), share) is None
    assert order_statistics.percentile(np.arange(runs + 0.0), share) == pytest.approx(share * (runs - 1))
