"""The integer simulator: runs an INT8 program in NumPy. It is the reference for every INT8 figure of this project.

Sums are exact integers. They are taken in float32 matrix products where every partial sum is below 2^24, which float32
holds exactly, and in float64 otherwise; the formulas are in `compress.program`.

Shapes: B batch, C channels, F mel bands, T frames, O output channels, K classes. Values are (B, F, T, C) inside.
"""

import numpy as np
from numpy.typing import NDArray

from compress.program import (
    INT8_MAX,
    INT8_MIN,
    Addition,
    Convolution,
    Operation,
    Program,
    multiplier,
    quantization,
)
from compress.scheme import EXACT_FLOAT32, largest_sum

Int8 = NDArray[np.int8]
BATCH = 32


def quantize_input(program: Program, log_mel: NDArray[np.float32]) -> Int8:
    """Real log-mel to the program's int8 input, any shape."""
    found = quantization(program, program.input)
    scaled = np.rint(np.asarray(log_mel, np.float32) / np.float32(found.scale)) + found.zero_point
    return np.clip(scaled, INT8_MIN, INT8_MAX).astype(np.int8)


def dequantize_output(program: Program, integers: Int8) -> NDArray[np.float32]:
    """The program's int8 logits to real logits."""
    found = quantization(program, program.output)
    return (integers.astype(np.float32) - found.zero_point) * np.float32(found.scale)


def simulate(program: Program, inputs: Int8) -> Int8:
    """Run an INT8 program.

    Args:
        program: the INT8 program.
        inputs: int8 (B, C, F, T).

    Returns:
        int8 (B, K).
    """
    batches = [_simulate_batch(program, inputs[i : i + BATCH]) for i in range(0, len(inputs), BATCH)]
    return np.concatenate(batches)


def logits(program: Program, log_mel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Real log-mel (B, C, F, T) to real logits (B, K), as the INT8 program computes them."""
    return dequantize_output(program, simulate(program, quantize_input(program, log_mel)))


def _simulate_batch(program: Program, inputs: Int8) -> Int8:
    values = {program.input: np.ascontiguousarray(inputs.transpose(0, 2, 3, 1))}
    last_use = {name: i for i, operation in enumerate(program.operations) for name in operation.inputs}
    for index, operation in enumerate(program.operations):
        values[operation.output] = _run(program, operation, values)
        for name in operation.inputs:
            if last_use[name] == index:
                values.pop(name, None)
    return values[program.output]


def _run(program: Program, operation: Operation, values: dict[str, Int8]) -> Int8:
    output = quantization(program, operation.output)
    if isinstance(operation, Convolution):
        relu = operation.relu
        if operation.weight_scale is None:
            raise ValueError(f"{operation.output} is not quantized: an INT8 program is needed")
        given = quantization(program, operation.input)
        centred = values[operation.input].astype(np.float32) - given.zero_point
        factor = multiplier(given.scale, operation.weight_scale, output.scale)
        real = _accumulate(operation, centred).astype(np.float32) * factor
    elif isinstance(operation, Addition):
        relu = operation.relu
        first, second = (
            (values[name].astype(np.float64) - quantization(program, name).zero_point)
            * (quantization(program, name).scale / output.scale)
            for name in operation.inputs
        )
        real = first + second
    else:
        relu = False
        found = quantization(program, operation.input)
        value = values[operation.input]
        total = value.sum(axis=(1, 2), dtype=np.int64) - value.shape[1] * value.shape[2] * found.zero_point
        real = total * (found.scale / (output.scale * value.shape[1] * value.shape[2]))
    lowest = max(INT8_MIN, output.zero_point) if relu else INT8_MIN
    return np.clip(np.rint(real) + output.zero_point, lowest, INT8_MAX).astype(np.int8)


def _accumulate(convolution: Convolution, centred: NDArray[np.float32]) -> NDArray[np.floating]:
    """Exact sums w * (x - z_x) + b: (B, F, T, C) -> (B, F', T', O)."""
    weight = convolution.weight  # (O, C / groups, kF, kT)
    exact = largest_sum(weight, convolution.bias) < EXACT_FLOAT32
    dtype = np.float32 if exact else np.float64
    (pad_f, pad_t), (step_f, step_t) = convolution.padding, convolution.stride
    padded = np.pad(centred, ((0, 0), (pad_f, pad_f), (pad_t, pad_t), (0, 0))).astype(dtype, copy=False)
    frequencies = (padded.shape[1] - weight.shape[2]) // step_f + 1
    frames = (padded.shape[2] - weight.shape[3]) // step_t + 1
    total = np.zeros((len(padded), frequencies, frames, len(weight)), dtype)
    for i in range(weight.shape[2]):
        for j in range(weight.shape[3]):
            window = padded[:, i : i + frequencies * step_f : step_f, j : j + frames * step_t : step_t]
            tap = weight[:, :, i, j].astype(dtype)
            total += window * tap[:, 0] if convolution.depthwise else window @ tap.T
    return total + convolution.bias.astype(dtype)
