"""16-bit values: their arithmetic in float32 over integers, and why every runtime computes it to the same bits.

No runtime has exact kernels for 16 bits. A wide value is carried in the files as float32 that holds the integer
x = q - z, |x| < 2^16, and whatever reads or gives one is computed in float32 operators:

    x     = 256 h + l, h = floor(x / 256), 0 <= l < 256      a wide input in two parts
    total = 256 (sum w h + b) + sum w l                      convolution; of an int8 input: sum w x + b
    total = 256 sum h + sum l                                mean; of an int8 input: sum x
    real  = total m                                          m = s_x s_w / s_y, in a mean s_x / (s_y n)
    real  = a (s_a / s_y) + b (s_b / s_y)                    addition, wide or int8 inputs
    y     = clamp(floor(real + 1/2) + z_y)

1.  Sums. |h| <= 2^8 and 0 <= l < 2^8, so each sum is one over integers of 8 bits, below 2^24 (checked): float32 holds
    every partial sum, in whatever order it is taken.
2.  Total. 256 times an integer only moves its exponent; then one rounding, with a fused multiply-add as without.
3.  Real and floor. One rounding for each operator, the same wherever float32 is IEEE's. An addition's two products are
    rounded before their sum: that no runtime joins these operators into one is measured (parity of whole files).
4.  From int8. The .tflite file has (q - z) s: floor((q - z) s (1 / s) + 1/2) is q - z, since three roundings of at most
    255 err by less than 2^-14. The .onnx file dequantizes with a scale of 1.
5.  To int8. (y - z) s is quantized with the scale s: an integer again, by a division or by a multiplication with 1 / s,
    for the same reason; beyond int8 it is clamped.

The formulas here are NumPy's and torch's alike.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from compress.quantization import Quantization

PART = 256
"""A wide integer is this many high parts and a low part."""
MOST_IN_PART = 2**24 // PART
"""Parts whose sum float32 holds in any order."""
Array = TypeVar("Array", NDArray[np.float32], Tensor)


def split(integers: Array) -> tuple[Array, Array]:
    """The high and the low part of integers in float32."""
    high = integers // PART
    return high, integers - PART * high


def joined(high: Array, low: Array) -> Array:
    """A sum of high parts and one of low parts to the sum of what they are parts of, in float32."""
    return PART * high + low


def rounded(real: Array) -> Array:
    """The nearest integer, in float32."""
    return (real + 0.5) // 1


def any_wide(*quantizations: Quantization) -> bool:
    """Whether what reads and gives these is computed as here."""
    return any(found.wide for found in quantizations)
