"""Ratios of scales at which no sum of integers is half an integer: fractions that share an odd denominator.

A sum of such fractions is a whole number of odd parts, so it is at least 1 / (2 * denominator) from every tie.
"""

from fractions import Fraction

import numpy as np


def odd_fraction_below(ratio: float, most: int) -> Fraction | None:
    """The largest fraction up to `ratio` with an odd denominator up to `most`; None where `ratio` is below them all."""
    denominators = np.arange(1, most + 1, 2)
    numerators = np.floor(ratio * denominators * (1 + 1e-12))
    best = int(np.argmax(numerators / denominators))
    return Fraction(int(numerators[best]), int(denominators[best])) if numerators[best] else None


def as_fraction(ratio: float, most: int) -> Fraction | None:
    """The ratio as the fraction with a denominator up to `most` that it is, but for rounding; None where it is none."""
    found = Fraction(ratio).limit_denominator(most)
    return found if abs(float(found) / ratio - 1) < 1e-9 else None
