"""Ranges that leave out a share of the values at each end."""

import numpy as np

from compress.ptq.ranges.histogram import Histogram
from compress.quantization import Range


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
