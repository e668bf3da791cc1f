"""A float program and a quantization of its values to the INT8 program.

Shapes: O output channels.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from compress.program import INT8_MAX, Addition, Convolution, Program, Quantization, Value
from compress.scheme import BIAS_LIMIT, addition_ratios, distance_from_tie, weight_scale


def quantize(program: Program, quantizations: dict[str, Quantization]) -> Program:
    """Round weights and biases to their grids.

    Args:
        program: a float program.
        quantizations: of every value, from `scheme.assign`.

    Raises:
        ValueError: an addition could meet a tie, so that two runtimes could differ.
    """
    values = {name: Value(name, value.shape, quantizations[name]) for name, value in program.values.items()}
    for operation in program.operations:
        if isinstance(operation, Addition):
            _check_addition(operation, quantizations)
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
    """int32 on the grid input_scale * scale, so that it adds to the accumulator without rounding."""
    grid = np.float64(input_scale) * scale.astype(np.float64)
    return np.clip(np.rint(bias / grid), -BIAS_LIMIT, BIAS_LIMIT).astype(np.int32)


def _quantize_convolution(convolution: Convolution, input_scale: float) -> Convolution:
    scale = weight_scale(convolution.weight, convolution.bias, input_scale)
    return replace(
        convolution,
        weight=quantize_weight(convolution.weight, scale),
        bias=quantize_bias(convolution.bias, scale, input_scale),
        weight_scale=scale,
    )


def _check_addition(addition: Addition, quantizations: dict[str, Quantization]) -> None:
    first, second = addition_ratios(addition, quantizations)
    # XNNPACK's 20-bit fixed point: both factors are rounded to 2^-20 of the larger one's power of two
    error = 2 * 255 * 0.5 * 2.0 ** (np.ceil(np.log2(max(first, second, 1.0))) - 20)
    if distance_from_tie(first, second) < 2 * error:
        raise ValueError(f"{addition.output} adds at scale ratios {first:.6f} and {second:.6f}, too near a tie")
