"""Weights and biases on their grids: symmetric int8, int32 on the grid of the accumulator.

Shapes: O output channels (1 where all share a step), C input channels.
"""

import numpy as np
from numpy.typing import NDArray

from compress.quantization import INT8_MAX, Quantization

# |sum(w x)| + |b| stays below 2^24, so that float32 holds every accumulator exactly.
BIAS_LIMIT = 2**22
EXACT_FLOAT32 = 2**24


def weight_scale(
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    input_step: float,
    wanted: NDArray[np.float32] | None = None,
    shared: bool = False,
) -> NDArray[np.float32]:
    """Real step of each output channel's weights: the largest becomes 127 and the bias fits `BIAS_LIMIT`.

    Args:
        weight: (O, C / groups, kernel F, kernel T).
        bias: (O,).
        input_step: what biases count in, in units of the weights' step (`Quantization.bias_step`).
        wanted: (O,), the step in place of that at which the largest weight becomes 127; the bias fits all the same.
        shared: whether all channels have one step, the largest of theirs.

    Returns:
        (O,), or (1,) for a shared step.
    """
    largest = np.abs(weight).reshape(len(weight), -1).max(axis=1) / np.float32(INT8_MAX)
    for_bias = np.abs(bias) / np.float32(input_step * BIAS_LIMIT)
    for_weight = largest if wanted is None else wanted
    steps = np.maximum(np.maximum(for_weight, for_bias), np.float32(1e-12)).astype(np.float32)
    return steps.max(keepdims=True) if shared else steps


def filed_scale(scale: NDArray[np.float32], given: Quantization, output: Quantization) -> NDArray[np.float32]:
    """The step of the weights as the files have it, (O,): in units of the output for one unit of the input."""
    return (scale * (given.unit / output.unit)).astype(np.float32)


def bias_grid(weight_scale: NDArray[np.float32], input_step: float) -> NDArray[np.float64]:
    """Real step of each bias, (O,): a bias in these steps adds to the accumulator without rounding."""
    return np.float64(input_step) * weight_scale.astype(np.float64)


def quantize_weight(weight: NDArray[np.float32], scale: NDArray[np.float32]) -> NDArray[np.int8]:
    """Symmetric int8 in [-127, 127]."""
    return np.clip(np.rint(weight / scale[:, None, None, None]), -INT8_MAX, INT8_MAX).astype(np.int8)


def quantize_bias(bias: NDArray[np.float32], scale: NDArray[np.float32], input_step: float) -> NDArray[np.int32]:
    """int32 in steps of `bias_grid`."""
    return np.clip(np.rint(bias / bias_grid(scale, input_step)), -BIAS_LIMIT, BIAS_LIMIT).astype(np.int32)


def largest_sum(weight: NDArray[np.int8], bias: NDArray[np.int32]) -> int:
    """The largest |sum(w (x - z))| + |b| that a convolution of these integers can meet, over all its outputs.

    |x - z| is at most 2^8: below it for int8, and the high part of a wide input reaches it.
    """
    sums = np.abs(weight.astype(np.int64)).reshape(len(weight), -1).sum(axis=1) * 2**8
    return int((sums + np.abs(bias.astype(np.int64))).max())


def multiplier(filed_scale: NDArray[np.float32], given: Quantization, output: Quantization) -> NDArray[np.float32]:
    """Requantization multipliers s_x * s_w / s_y, (O,), in the float32 order of operations that the runtimes use."""
    return np.float32(given.scale) * filed_scale / np.float32(output.scale)
