"""Standardization in integers: its arithmetic and constants, and why every runtime computes it to the same bits.

With x = q - z the input's integers, N the numbers of one statistic, and the constants below:

    s   = sum x                                           over all axes of the statistic
    m   = s * (1 / N)                                     the mean
    v   = sum floor(2^-shift sum_C x^2) - floor(s * (m 2^-shift)) + excess     2^-shift N (variance + epsilon)
    n   = min(max(v, least^2), 2^18)
    r_0 = floor(sqrt(n) + 1/2)
    u_0 = floor(numerator / 4 / r_0 + 1/2)                2^19 / sqrt(n)
    u_1 = floor(2^-21 u_0 (3 2^20 - floor(n * (u_0 * u_0 2^-18))))    the same, of more bits
    R_c = floor(u_1 * slope_c)                            what x - m is multiplied by
    P_c = bias_c / 2 - floor(R_c * m)
    y   = clamp(round(2^-fraction (x (offset_c + R_c) + P_c)) + z_y)

No kernel has this, so the files spell it in float32 operators. Float32 holds every integer up to 2^24, and:

1.  Sums. |x| <= X with N X <= 2^24, C X^2 <= 2^24 and N X^2 2^-shift <= 2^24 (all checked): every partial sum is an
    integer that float32 holds, in whatever order it is taken.
2.  Products. s * (1 / N), s * (m 2^-shift), u_0 * u_0, n * (...), u_0 (...), u_1 * slope_c, R_c * m may be rounded, but
    each is one product of two numbers that all runtimes have, which IEEE 754 fixes; and no sum follows but behind a
    floor, so that none can be fused with it.
3.  Root, with n <= 2^18, and reciprocal, with an odd numerator below 2^21 and 1 <= r_0 <= 2^9: as in
    `response_norm_integers`, 2 and 3; a runtime may err by 3 * 2^-23 in either. A step of Newton's iteration follows,
    since r_0 has few bits where n is small; it comes from below, so u_1 < 2^19 / least + 1.
4.  Output. X (|offset| + |R|) + |bias| / 2 < 2^23 (checked), so x S and P are exact in halves, and so is their sum
    where it is below 2^23; beyond, the output is clamped, for fraction <= 15. bias is odd, and so the sum an odd number
    of halves; 2^-fraction times it, with fraction at least 1, is never half an integer: no tie.

Where the input's scale is not 1, x = floor(scaled * (1 / scale) + 1/2) is found first: three roundings move it by less
than 255 * 2^-22 from an integer, so the floor is the same.

`least` is half a step of the input: a map that does not vary is not blown up further.

Shapes: C channels, F mel bands, T frames.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compress.operations.response_norm_integers import LARGEST_ENERGY, LARGEST_NUMERATOR
from compress.operations.weights import EXACT_FLOAT32
from compress.quantization import Quantization
from tinyasc.errors import UserError

RECIPROCAL = 2**19
NUMERATOR = LARGEST_NUMERATOR - 1
LARGEST_OUTPUT = 2**23
MOST_FRACTION = 15
LEAST_DEVIATION = 0.5


@dataclass(frozen=True)
class StandardizationIntegers:
    """Constants of one standardization; the formulas are at the head of this file."""

    scale: float
    """Of the input in the file; 1, or what its integers are found again with."""
    shift: int
    excess: int
    least: int
    slopes: tuple[float, ...]
    """float32; one, or one per channel, as below."""
    offsets: tuple[int, ...]
    biases: tuple[int, ...]
    """Odd."""
    fraction: int

    def __post_init__(self) -> None:
        for name in ("slopes", "offsets", "biases"):  # JSON knows lists only
            object.__setattr__(self, name, tuple(getattr(self, name)))


def sum_shift(largest: float, reach: int, count: int) -> int:
    """The smallest shift that leaves twice the `largest` sum of squares seen below its limit, and every sum exact.

    Args:
        largest: N times the largest variance + epsilon, in steps of the input.
        reach: X.
        count: N.
    """
    return max(0, int(np.ceil(np.log2(max(2 * largest / LARGEST_ENERGY, count * reach**2 / EXACT_FLOAT32)))))


def integers(
    name: str,
    *,
    counts: tuple[int, int],
    share: NDArray[np.float32],
    gain: NDArray[np.float32],
    bias: NDArray[np.float32],
    epsilon: float,
    given: Quantization,
    variance: Quantization,
    output: Quantization,
) -> StandardizationIntegers:
    """The constants of y = share x + gain (x - mean) / sqrt(variance + epsilon) + bias.

    Args:
        name: of its output, for the error.
        counts: C and N.
        share: (1,) or (C,), as `gain` and `bias`.
        gain: of the real operation.
        bias: of the real operation.
        epsilon: of the real operation.
        given: of the input.
        variance: of the variance, its scale 2^shift.
        output: of the output, its scale 1.

    Raises:
        UserError: a float32 would not hold the integers.
    """
    channels, count = counts
    reach, shift = given.reach, round(np.log2(variance.scale))
    if channels * reach**2 > EXACT_FLOAT32 or count * reach**2 > EXACT_FLOAT32 * 2**shift:
        raise UserError(
            f"{name} standardizes {channels} channels, {count} numbers: too many for INT8, make it narrower"
        )
    per_deviation = np.sqrt(count / 2.0**shift)
    real_epsilon = epsilon / given.step**2
    least = max(1, int(per_deviation * np.sqrt(max(LEAST_DEVIATION**2, real_epsilon))))
    rows = count // channels
    lost = (rows - 1) / 2 * (1 - 2.0**-shift)  # by the floors of the sums, less that of the product
    for fraction in range(MOST_FRACTION, 0, -1):
        unit = 2.0**fraction / output.step
        slopes = (gain.astype(np.float64) * unit * per_deviation / RECIPROCAL).astype(np.float32)
        offsets = np.rint(share.astype(np.float64) * given.step * unit)
        biases = 2 * np.rint(bias.astype(np.float64) * unit - 1) + 1
        largest = reach * (np.abs(offsets) + np.abs(slopes) * (RECIPROCAL / least + 1) + 1) + np.abs(biases) / 2
        if largest.max() < LARGEST_OUTPUT:
            break
    else:
        raise UserError(f"{name} standardizes with gains or biases too large for INT8: train it again")
    return StandardizationIntegers(
        given.scale,
        shift,
        round(lost + count * real_epsilon / 2.0**shift),
        least,
        tuple(float(value) for value in slopes),
        tuple(int(value) for value in offsets),
        tuple(int(value) for value in biases),
        fraction,
    )
