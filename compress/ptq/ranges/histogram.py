"""How often an activation takes which values: what all ways of clipping look at.

Shapes: B batch, C channels, F mel bands, T frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from compress.observe import observe, run_float
from compress.program import Program
from compress.quantization import Range

BINS = 2048


@dataclass(frozen=True)
class Histogram:
    """Counts of values in bins of one width over their range."""

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
    """Of every value of a float program, in two passes: the ranges first, then the counts.

    Args:
        program: a float program.
        batches: log-mel (B, C, F, T), at least one.
    """
    ranges = observe(program, batches)
    counts = {name: torch.zeros(BINS, dtype=torch.float64) for name in ranges}
    for log_mel in batches:
        for name, value in run_float(program, log_mel).items():
            counts[name] += torch.histc(value, BINS, ranges[name].low, ranges[name].high)
    return {name: Histogram(found.numpy(), ranges[name]) for name, found in counts.items()}
