"""The stem made fast: a convolution over one channel rewritten over columns of several frames.

Integer kernels take input channels in groups of 4 to 16; with one channel most of each group is padding (nearly half
of a whole network's time on x86 went into the first 72 weights). In a channels-last tensor g neighbouring frames
*are* g channels of one column, so the same sums are a convolution with g times the channels, 1/g of the positions,
and zeros among its weights. The integers that come out are the same.

Shapes: O output channels, C input channels, g frames a column, d output frames a column, kF x kT kernel.
"""

from dataclasses import dataclass, replace

import numpy as np

from compress.operations.convolution import Convolution

# Channels after grouping: enough to fill a kernel's group of 8 without many zeros more.
COLUMN_CHANNELS = 8


@dataclass(frozen=True)
class Columns:
    """A convolution over columns and the shapes around it."""

    convolution: Convolution
    """Weights (d * O, C * g, kF, columns); its time stride is 1 and its time padding 0."""
    frames: int
    """Input frames in a column (g)."""
    left: int
    """Columns of padding before the first."""
    right: int
    """Columns of padding after the last."""


def group_frames(convolution: Convolution, frames: int) -> Columns | None:
    """The convolution over columns of frames, or None where it has channels enough or the frames do not divide.

    Args:
        convolution: dense, float or INT8.
        frames: T of its input.
    """
    outputs, channels, _, kernel = convolution.weight.shape
    (_, stride), (_, padding) = convolution.stride, convolution.padding
    group = COLUMN_CHANNELS // channels
    if convolution.depthwise or group <= stride or group % stride or frames % group or 2 * padding + 1 != kernel:
        return None
    per_column = group // stride
    left, right = -(-padding // group), -(-max(0, kernel - padding - stride) // group)
    weight = np.zeros(
        (per_column, outputs, group, channels, convolution.weight.shape[2], left + 1 + right), convolution.weight.dtype
    )
    for column in range(left + 1 + right):
        for inside in range(group):
            for output in range(per_column):
                tap = (column - left) * group + inside - (output * stride - padding)
                if 0 <= tap < kernel:
                    weight[output, :, inside, :, :, column] = convolution.weight[:, :, :, tap]
    scale = convolution.weight_scale
    grouped = replace(
        convolution,
        weight=weight.reshape(per_column * outputs, group * channels, *weight.shape[4:]),
        bias=np.tile(convolution.bias, per_column),
        weight_scale=None if scale is None else np.tile(scale, per_column),
        stride=(convolution.stride[0], 1),
        padding=(convolution.padding[0], 0),
    )
    return Columns(grouped, group, left, right)
