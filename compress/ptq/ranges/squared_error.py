"""The range whose int8 form is nearest to the values: rounding within it against clipping outside, in mean square."""

from itertools import product

import numpy as np

from compress.ptq.ranges.histogram import Histogram
from compress.quantization import INT8_MAX, INT8_MIN, Range, activation

SHARES = np.linspace(0.3, 1.0, 71)
"""Of an end of the whole range, that are tried: of both ends in all pairs."""


def squared_error(histogram: Histogram) -> Range:
    """The range of least mean squared error after int8 quantization, each bin taken at its centre."""
    low, high = histogram.range.low, histogram.range.high
    lows = low * SHARES if low < 0 else [low]
    highs = high * SHARES if high > 0 else [high]
    return min((Range(float(a), float(b)) for a, b in product(lows, highs)), key=lambda one: _error(histogram, one))


def _error(histogram: Histogram, candidate: Range) -> float:
    """Sum of squared errors of all values."""
    found, centres = activation(candidate), histogram.centres
    integers = np.clip(np.rint(centres / found.step), INT8_MIN - found.zero_point, INT8_MAX - found.zero_point)
    return float(histogram.counts @ np.square(integers * found.step - centres))
