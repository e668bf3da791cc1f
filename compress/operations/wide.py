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

Simulator, training and both files evaluate the same lines: `wide_formula` of each operation.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from compress.arithmetic import arithmetic
from compress.arithmetic.arithmetic import CHANNELS_FIRST, CHANNELS_LAST, Arithmetic, Axes
from compress.arithmetic.in_numpy import NumpyArithmetic
from compress.arithmetic.in_torch import TorchArithmetic
from compress.operations.operation import Operation, Quantizations

PART = 256
"""A wide integer is this many high parts and a low part."""
MOST_IN_PART = 2**24 // PART
"""Parts whose sum float32 holds in any order."""


class TakesWide(Operation):
    """An operation whose inputs and output may have 16 bits."""

    @abstractmethod
    def wide_formula(
        self, do: Arithmetic, inputs: Sequence[arithmetic.Tensor], quantizations: Quantizations, axes: Axes
    ) -> arithmetic.Tensor:
        """Integers minus their zero points to such integers, not yet clamped; the operation must be an INT8 one."""

    def any_wide(self, quantizations: Quantizations) -> bool:
        """Whether it reads or gives a 16-bit value, and is computed as here."""
        return any(quantizations[name].wide for name in (*self.inputs, self.output))

    def simulate_wide(self, inputs: Sequence[NDArray[Any]], quantizations: Quantizations) -> NDArray[np.float32]:
        """`simulate`, rounded already."""
        pairs = zip(inputs, (quantizations[name] for name in self.inputs), strict=True)
        centred = arithmetic.tensors([value.astype(np.float32) - found.zero_point for value, found in pairs])
        return self.wide_formula(NumpyArithmetic(), centred, quantizations, CHANNELS_LAST).key

    @torch.no_grad()
    def train_wide(self, inputs: Sequence[Tensor], quantizations: Quantizations) -> Tensor:
        """The same in torch, of integers minus their zero points, without gradients."""
        do = TorchArithmetic(inputs[0].device)
        return self.wide_formula(do, arithmetic.tensors(inputs), quantizations, CHANNELS_FIRST).key


def split(do: Arithmetic, integers: arithmetic.Tensor) -> tuple[arithmetic.Tensor, arithmetic.Tensor]:
    """The high and the low part."""
    high = do.floor(do.times(integers, 1 / PART))
    return high, do.subtract(integers, do.times(high, PART))


def joined(do: Arithmetic, high: arithmetic.Tensor, low: arithmetic.Tensor) -> arithmetic.Tensor:
    """A sum of high parts and one of low parts to the sum of what they are parts of."""
    return do.add(do.times(high, PART), low)
