"""Attention in integers: its arithmetic and constants, and why every runtime computes it to the same bits.

With q, k, v the integers of queries, keys and values (less their zero points; v has none), D numbers a head, N
positions that attend to each other, and the constants below:

    S   = 2^-exponent sum_D q k            the scores; the scales of q and k are such that this is their real size
    t   = floor(e^(S - max_N S) top)       the weights, not normalized; 0 <= t <= top, 28 <= top < 2^10
    A   = sum_N t v,   W = sum_N t
    R_0 = floor(numerator / 4 / W + 1/2)                   2^19 / W
    R_1 = 2^5 R_0 + floor(2^-14 R_0 (2^19 - W R_0))        2^24 / W
    R_2 = 2^4 R_1 + floor(2^-20 R_1 (2^24 - W R_1))        2^28 / W
    y   = clamp(round(A * (R_2 * factor)) + z_y)

No kernel has this, so the files spell it in float32 operators. Float32 holds every integer up to 2^24, and:

1.  Scores. D 255^2 <= 2^23 (checked): sums and differences of scores are integers times 2^-exponent, exact.
2.  Weights. The exponent's argument is one of the multiples of 2^-exponent, of which some ten thousand have a weight
    above zero. `top` is chosen so that none of their real weights is within 4.2e-7 of its size from an integer: a
    runtime's exponential may err by 3 * 2^-23, and its product with `top` is rounded once.
3.  Sums. N top 128 <= 2^24 (checked): A and W are exact in whatever order they are taken.
4.  Reciprocal. The numerator is odd and below 2^21: R_0 is as in `response_norm_integers`, 3. Two steps of Newton's
    iteration follow, since W may be large and R_0 then has few bits. W R_0 <= 2^19 + W / 2; W R_1 <= 2^24, because
    the iteration comes from below; both are exact. R_1 (2^24 - W R_1) may be rounded, but is one product of two numbers
    that all runtimes have, which IEEE 754 fixes, and a floor follows. So is the last product of all, which is then
    quantized at scale 1: rounded half to even in every runtime.

Shapes: H heads.
"""

from functools import lru_cache

import numpy as np

from compress.operations.response_norm_integers import LARGEST_NUMERATOR
from compress.operations.weights import EXACT_FLOAT32
from compress.quantization import INT8_MAX, INT8_MIN
from tinyasc.errors import UserError

NUMERATOR = LARGEST_NUMERATOR - 1
MOST_EXPONENT = 12
"""Finer scores would have so many weights that one of them is always near an integer; 2^-12 is fine enough."""
LARGEST_WEIGHT = 2**10
LEAST_LIMIT = 2**5
"""With fewer the weights would be coarse, and R_2 not below 2^24."""
RELATIVE_ERROR = 3 * 2.0**-23 + 2.0**-24
MOST_TRIES = 8192


def largest_weight(positions: int) -> int:
    """The limit of `top` for N positions."""
    return min(LARGEST_WEIGHT, EXACT_FLOAT32 // (positions * -INT8_MIN))


def scores_are_exact(numbers: int) -> bool:
    """Whether float32 holds every difference of two sums of D products."""
    return 2 * numbers * (INT8_MAX - INT8_MIN) ** 2 <= EXACT_FLOAT32


@lru_cache
def top(exponent: int, limit: int) -> float:
    """The largest weight, a little below `limit`, for which no weight's real size is near an integer.

    Raises:
        UserError: none of many is so.
    """
    scores = np.arange(int(np.log(limit) * 2.0**exponent) + 2) * 2.0**-exponent
    weights = np.exp(-scores)
    for tried in range(1, MOST_TRIES):  # to 94 % of the limit
        found = float(np.float32(limit * (1 - tried * 2.0**-17)))
        real = found * weights
        if (np.abs(real - np.rint(real)) > RELATIVE_ERROR * np.maximum(real, 1)).all():
            return found
    raise UserError(f"no weights of attention are clear of ties at scores of 2^-{exponent}: quantize it more coarsely")
