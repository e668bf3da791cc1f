"""What the files can compute beside `compress.arithmetic`: convolutions of integers in float32.

Shapes: O output channels, C input channels, F mel bands, T frames.
"""

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.arithmetic.arithmetic import Arithmetic, Tensor


class Writer(Arithmetic):
    """Adds operators to the graph of a file."""

    @abstractmethod
    def convolve(
        self,
        source: Tensor,
        weight: NDArray[np.int8],
        bias: NDArray[Any] | None,
        *,
        stride: tuple[int, int],
        padding: tuple[int, int],
        dilation: tuple[int, int],
        groups: int,
    ) -> Tensor:
        """2-D convolution of integers in float32 by integers that are stored as int8, exact where every sum is.

        Args:
            source: a map in the axes of the format.
            weight: (O, C / groups, kernel F, kernel T); depthwise where there are groups.
            bias: (O,).
            stride: of F and T.
            padding: zeros on either side of F and T.
            dilation: from one weight to the next along F and T.
            groups: of channels.
        """


def convolved(
    size: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
) -> tuple[int, ...]:
    """F and T of what a convolution gives."""
    axes = zip(size, kernel, stride, padding, dilation, strict=True)
    return tuple(
        (length + 2 * zeros - apart * (width - 1) - 1) // step + 1 for length, width, step, zeros, apart in axes
    )
