"""A float program and a quantization of its values to the INT8 program.

Shapes: O output channels.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from compress.program import INT8_MAX, INT8_MIN, Addition, Convolution, Mean, Program, Quantization, Value
from compress.scheme import (
    BIAS_LIMIT,
    EXACT_FLOAT32,
    addition_distance,
    addition_ratios,
    bias_grid,
    largest_sum,
    mean_distance,
    weight_scale,
)
from tinyasc.errors import UserError


def quantize(program: Program, quantizations: dict[str, Quantization]) -> Program:
    """Round weights and biases to their grids.

    Args:
        program: a float program.
        quantizations: of every value, from `scheme.assign`.

    Raises:
        UserError: an addition or a mean could meet a tie, so that two runtimes could differ; the zero point behind a
            ReLU is not the lowest integer; or a convolution sums more than float32 holds exactly.
    """
    values = {name: Value(name, value.shape, quantizations[name]) for name, value in program.values.items()}
    for operation in program.operations:
        if not isinstance(operation, Mean) and operation.relu:
            _check_relu(operation, quantizations[operation.output])
        if isinstance(operation, Addition):
            _check_addition(operation, quantizations)
        elif isinstance(operation, Mean):
            positions = int(np.prod(program.values[operation.input].shape[1:]))
            _check_mean(operation, positions, quantizations)
    operations = tuple(
        _quantize_convolution(operation, quantizations[operation.input].scale)
        if isinstance(operation, Convolution)
        else operation
        for operation in program.operations
    )
    return Program(program.input, program.output, values, operations)


def quantize_weight(weight: NDArray[np.float32], scale: NDArray[np.float32]) -> NDArray[np.int8]:
    """Symmetric int8 in [-127, 127]."""
    return np.clip(np.rint(weight / scale[:, None, None, None]), -INT8_MAX, INT8_MAX).astype(np.int8)


def quantize_bias(bias: NDArray[np.float32], scale: NDArray[np.float32], input_scale: float) -> NDArray[np.int32]:
    """int32 in steps of `bias_grid`."""
    return np.clip(np.rint(bias / bias_grid(scale, input_scale)), -BIAS_LIMIT, BIAS_LIMIT).astype(np.int32)


def _quantize_convolution(convolution: Convolution, input_scale: float) -> Convolution:
    scale = weight_scale(convolution.weight, convolution.bias, input_scale)
    weight = quantize_weight(convolution.weight, scale)
    bias = quantize_bias(convolution.bias, scale, input_scale)
    if largest_sum(weight, bias) >= EXACT_FLOAT32:
        raise UserError(f"{convolution.output} sums more than 2^24, which training in float32 would not hold exactly")
    return replace(convolution, weight=weight, bias=bias, weight_scale=scale)


def _check_relu(operation: Convolution | Addition, output: Quantization) -> None:
    # ONNX has no ReLU to fuse into integers: only at the lowest integer is its clamp at 0.0 free in every file
    if output.zero_point != INT8_MIN:
        raise UserError(f"{operation.output} is behind a ReLU, its zero point is {output.zero_point}, not {INT8_MIN}")


def _check_addition(addition: Addition, quantizations: dict[str, Quantization]) -> None:
    first, second = addition_ratios(addition, quantizations)
    # XNNPACK's 20-bit fixed point: both factors are rounded to 2^-20 of the larger one's power of two
    error = 2 * 255 * 0.5 * 2.0 ** (np.ceil(np.log2(max(first, second, 1.0))) - 20)
    if addition_distance(first, second) < 2 * error:
        raise UserError(f"{addition.output} adds at scale ratios {first:.6f} and {second:.6f}, too near a tie")


def _check_mean(mean: Mean, positions: int, quantizations: dict[str, Quantization]) -> None:
    ratio = quantizations[mean.input].scale / (quantizations[mean.output].scale * positions)
    # float32 rounds the multiplier and the product of an int8 result: 2^-24 each of at most 255
    if mean_distance(ratio, positions) < 2 * 2 * 255 * 2.0**-24:
        raise UserError(f"{mean.output} averages at the scale ratio {ratio:.9f}, too near a tie")
