"""Ranges of known distributions, against numbers from elsewhere."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from compress.ptq.ranges import Histogram, divergence, entropy, histograms, percentile, squared_error
from compress.quantization import Range
from tests.support import tiny_programs


def symmetric(density: str, limit: float, bins: int = 8192) -> Histogram:
    """Of a density of unit scale, from -limit to limit."""
    empty = Histogram(np.zeros(bins), Range(-limit, limit))
    x = np.abs(empty.centres)
    return Histogram(1e7 * np.exp(-x if density == "laplace" else -x * x / 2), empty.range)


@pytest.mark.parametrize(("percent", "low", "high"), [(100, -1.0, 3.0), (99, -1 + 0.04, 3 - 0.04), (75, 0.0, 2.0)])
def test_percentile_of_an_even_distribution(percent: float, low: float, high: float) -> None:
    found = percentile(Histogram(np.ones(100), Range(-1.0, 3.0)), percent)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize(
    ("density", "limit", "threshold"),
    # Optimal clipping for 8 bits: Banner et al. 2019, arXiv:1810.05723, table of section 3 (9.89 b, 3.92 sigma).
    [("laplace", 20.0, 9.89), ("gauss", 8.0, 3.92)],
)
def test_least_squared_error_is_at_the_published_threshold(density: str, limit: float, threshold: float) -> None:
    found = squared_error(symmetric(density, limit))
    assert found.high == pytest.approx(threshold, abs=0.02 * limit)
    assert found.low == pytest.approx(-threshold, abs=0.02 * limit)


@pytest.mark.parametrize("kept", [128, 131, 200, 256, 300])
def test_divergence_is_that_of_the_published_procedure(kept: int) -> None:
    counts = np.random.default_rng(3).poisson(20 * np.exp(-np.arange(300) / 60)).astype(np.float64)
    assert divergence(counts, kept, 128) == pytest.approx(by_hand(counts, kept, 128), rel=1e-9)


def by_hand(counts: NDArray[np.float64], kept: int, levels: int) -> float:
    """Migacz 2017, the pseudocode of the slide "Calibration: how do we find the threshold", number by number."""
    reference = list(counts[:kept])
    reference[-1] += sum(counts[kept:])
    merged: dict[int, list[int]] = {}
    for bin_ in range(kept):
        merged.setdefault(bin_ * levels // kept, []).append(bin_)
    candidate = [0.0] * kept
    for bins in merged.values():
        filled = [bin_ for bin_ in bins if counts[bin_] > 0]
        for bin_ in filled:
            candidate[bin_] = sum(counts[b] for b in filled) / len(filled)
    total_p, total_q = sum(reference), sum(candidate)
    pairs = [(p / total_p, q / total_q) for p, q in zip(reference, candidate, strict=True) if p > 0]
    return math.inf if any(q == 0 for _, q in pairs) else sum(p * math.log(p / q) for p, q in pairs)


def test_entropy_keeps_an_even_distribution_and_leaves_outliers_out() -> None:
    even = Histogram(np.full(2048, 1000.0), Range(0.0, 2.0))
    assert entropy(even) == Range(0.0, 2.0)
    counts = 1e6 * np.exp(-np.square(np.linspace(0, 16, 2048)) / 2)
    counts[-1] = 1
    assert 3 < entropy(Histogram(counts, Range(0.0, 16.0))).high < 6


def test_a_histogram_holds_every_value_of_every_clip() -> None:
    program = tiny_programs.float_program(normed=True)
    log_mel = torch.from_numpy(tiny_programs.log_mel(12))
    found = histograms(program, log_mel.split(5))
    assert set(found) == set(program.values)
    for name, histogram in found.items():
        assert histogram.counts.sum() == 12 * np.prod(program.shapes[name])
