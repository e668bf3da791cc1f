"""Global response norm in integers: its arithmetic and constants, and why every runtime computes it to the same bits.

With q the int8 inputs (one, or two that are summed), z their zero points, k small integers and k_y a power of two (the
scales in the files), and the constants below:

    x   = sum_i k_i (q_i - z_i)                          the map, never rounded
    n_c = min(sum_F floor(2^-energy_shift sum_T x^2), 2^18)    its energy, per channel
    r_c = floor(sqrt(n_c) + 1/2)                         its norm
    t   = floor(2^-sum_shift sum_C r_c) + 1              the norms' sum
    R   = floor(numerator / 4 / t + 1/2)                 its reciprocal
    s_c = 2^-fraction (offset + floor(2^-reciprocal_shift r_c R))    what each channel is multiplied by, 1 + gamma n
    y   = clamp(round((x s_c + 2^-(fraction + 1) bias) / k_y) + z_y)

No kernel has this, so the files spell it in float32 operators. Float32 holds every integer up to 2^24, and:

1.  Sums. |x| <= M with T M^2 <= 2^24 and F T M^2 2^-energy_shift <= 2^24, r_c <= 2^9 and C <= 2^10 (all checked): every
    partial sum is an integer that float32 holds, in whatever order it is taken.
2.  Root. No integer n is (m + 1/2)^2 = m^2 + m + 1/4, so sqrt(n) is at least 1 / 4 / (sqrt(n) + m + 1/2) from m + 1/2:
    over 2.4e-4 for n <= 2^18. A relative error of 3 * 2^-23 and the rounding of "+ 1/2" are below 2.2e-4 together: the
    floor is the same. (XNNPACK's root on x86 was measured to err by 2 ulp.)
3.  Reciprocal. The numerator is odd, 2 t (2 m + 1) is even: numerator / 4 / t is at least 1 / (4 t) from m + 1/2. It is
    below 2^19 / t, so a relative error of 3 * 2^-23 is below 3 / (16 t), and the rounding of "+ 1/2" is below
    1 / (32 t) + 2^-25, with t <= 2^19 + 1: the floor is the same, by a true division or by a refined reciprocal.
4.  Scale. r_c < 2^sum_shift t, so |r_c R| < 2^sum_shift (2^19 + t / 2) < 2^24 with sum_shift <= 4; so is its sum with
    the offset (checked). 2^-reciprocal_shift and 2^-fraction only move exponents.
5.  Output. x s_c + bias is an odd number of 2^-(fraction + 1). Where it is not clamped it is below 2^24 of them, so it
    is exact, with a fused multiply-add as without; where the product is beyond 2^24 the sum is clamped on the same side
    (checked). k_y is a power of two, so dividing by it is exact, as is multiplying by its reciprocal; fraction is at
    least 1, and an odd number over a multiple of four is never half an integer: no tie.

Proven so: equality of any runtime whose float32 sums and products are IEEE's, and whose roots and quotients err by less
than 3 * 2^-23. Measured alone: that a runtime's roots and quotients do (tests/export/test_response_norm.py, all n and
many t), and that it does not rewrite the graph into something else (parity of whole files).

Shapes: B batch, C channels, F mel bands, T frames.
"""

from dataclasses import dataclass

import numpy as np

from compress.operations.weights import EXACT_FLOAT32
from compress.quantization import Quantization
from tinyasc.errors import UserError

LARGEST_ENERGY = 2**18
MOST_CHANNELS = 2**10
LARGEST_NUMERATOR = 4 * 2**19
MOST_SUM_SHIFT = 4
# The sum of norms is shifted to at most this many bits: t and R then have about as many significant bits each.
SUM_BITS = 12
# 255.5 steps of the output in units of 2^-(fraction + 1) stay below 2^24.
OUTPUT_BITS = 15


@dataclass(frozen=True)
class NormIntegers:
    """Constants of one response norm; the formulas are at the head of this file."""

    energy_shift: int
    sum_shift: int
    numerator: int
    """Odd; its sign is gamma's."""
    reciprocal_shift: int
    fraction: int
    offset: int
    bias: int
    """Odd; beta."""


def energy_shift(largest: float, reach: int, shape: tuple[int, ...]) -> int:
    """The smallest shift that leaves twice the `largest` energy seen below its limit, and every sum exact.

    Args:
        largest: sum of x^2 over F and T.
        reach: M, the largest |x|.
        shape: (C, F, T).
    """
    worst = shape[1] * shape[2] * reach**2
    return max(0, int(np.ceil(np.log2(max(2 * largest / LARGEST_ENERGY, worst / EXACT_FLOAT32)))))


def sums_are_exact(reach: int, shape: tuple[int, ...], energy_scale: float = np.inf) -> bool:
    """Whether float32 holds the sum of x^2 over T, and of its energy_scale'th part over F, for any |x| <= reach.

    Args:
        reach: M.
        shape: (C, F, T).
        energy_scale: 2^energy_shift; infinite = the sum over T alone.
    """
    row = shape[2] * reach**2
    return max(row, shape[1] * row / energy_scale) <= EXACT_FLOAT32


def integers(
    name: str,
    channels: int,
    *,
    gamma: float,
    beta: float,
    given: Quantization,
    energy: Quantization,
    output: Quantization,
) -> NormIntegers:
    """The constants of a norm y = x (1 + gamma n) + beta.

    Args:
        name: of its output, for the error.
        channels: C.
        gamma: of the real norm.
        beta: of the real norm.
        given: of an input; all share its unit.
        energy: of the energy, its scale 2^energy_shift.
        output: of the output, its scale a power of two.

    Raises:
        UserError: a float32 would not hold the integers.
    """
    if channels > MOST_CHANNELS:
        raise UserError(f"{name} norms {channels} channels, the INT8 program at most {MOST_CHANNELS}: make it narrower")
    if abs(beta) >= 255 * output.step:
        raise UserError(f"{name} is a response norm with beta {beta:.3g}, beyond its whole INT8 output: train it again")
    ratio = given.unit / output.unit
    sum_shift = min(MOST_SUM_SHIFT, max(0, int(np.ceil(np.log2(channels * LARGEST_ENERGY**0.5))) - SUM_BITS))
    for fraction in range(OUTPUT_BITS - round(np.log2(output.scale)), 0, -1):
        offset = round(ratio * 2**fraction)
        quarters = 4 * ratio * 2**fraction * gamma * channels / 2**sum_shift
        if max(abs(quarters), abs(offset) / 2) < LARGEST_NUMERATOR - 1:
            break
    else:
        raise UserError(f"{name} is a response norm with gamma {gamma:.3g}, too large for INT8: train it again")
    shift = int(np.floor(np.log2((LARGEST_NUMERATOR - 1) / max(abs(quarters), 1.0))))
    numerator = 2 * int(np.floor(quarters * 2**shift / 2)) + 1
    bias = 2 * int(np.floor(beta / output.unit * 2**fraction)) + 1
    return NormIntegers(round(np.log2(energy.scale)), sum_shift, numerator, shift, fraction, offset, bias)
