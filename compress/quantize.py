"""A float program and a quantization of its values to the INT8 program.

Shapes: O output channels.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from compress.program import INT8_MAX, Convolution, Operation, Program, Quantization, Value
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
    operations: list[Operation] = []
    for operation in program.operations:
        if isinstance(operation, Convolution):
            input_scale = quantizations[operation.input].scale
            scale = weight_scale(operation.weight, operation.bias, input_scale)
            operation = replace(
                operation,
                weight=quantize_weight(operation.weight, scale),
                bias=quantize_bias(operation.bias, scale, input_scale),
                weight_scale=scale,
            )
        elif len(operation.inputs) == 2:
            first, second = addition_ratios(operation, quantizations)
            # XNNPACK's 20-bit fixed point: both factors are rounded to 2^-20 of the larger ratio's power of two
            error = 2 * 255 * 0.5 * 2.0 ** (np.ceil(np.log2(max(first, second, 1.0))) - 20)
            if distance_from_tie(first, second) < 2 * error:
                raise ValueError(f"{operation.output} adds at scale ratios {first:.6f} and {second:.6f}, too near a tie")
        operations.append(operation)
    return Program(program.input, program.output, values, tuple(operations))


def quantize_weight(weight: NDArray[np.float32], scale: NDArray[np.float32]) -> NDArray[np.int8]:
    """Symmetric int8 in [-127, 127]."""
    return np.clip(np.rint(weight / scale[:, None, None, None]), -INT8_MAX, INT8_MAX).astype(np.int8)


def quantize_bias(bias: NDArray[np.float32], scale: NDArray[np.float32], input_scale: float) -> NDArray[np.int32]:
    """int32 on the grid input_scale * scale, so that it adds to the accumulator without rounding."""
    grid = np.float64(input_scale) * scale.astype(np.float64)
    return np.clip(np.rint(bias / grid), -BIAS_LIMIT, BIAS_LIMIT).astype(np.int32)
