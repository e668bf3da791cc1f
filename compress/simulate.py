"""Run a program: the float one in torch, with the ranges of its values, and the INT8 one in NumPy.

The integer simulator is the reference for every INT8 figure of this project; the formulas are in
`compress.operations`.

Shapes: B batch, C channels, F mel bands, T frames, K classes. INT8 values are (B, F, T, C) inside.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from compress.operations.operation import Operation, Quantizations
from compress.program import Program
from compress.quantization import Range

Int8 = NDArray[np.int8]
BATCH = 32


def quantize_input(program: Program, log_mel: NDArray[np.float32]) -> Int8:
    """Real log-mel to the program's int8 input, any shape."""
    found = program.quantization(program.input)
    scaled = np.rint(np.asarray(log_mel, np.float32) / np.float32(found.scale)) + found.zero_point
    return np.clip(scaled, found.lowest, found.highest).astype(np.int8)


def dequantize_output(program: Program, integers: Int8) -> NDArray[np.float32]:
    """The program's int8 logits to real logits."""
    found = program.quantization(program.output)
    return (integers.astype(np.float32) - found.zero_point) * np.float32(found.scale)


def simulate(program: Program, inputs: Int8) -> Int8:
    """Run an INT8 program: int8 (B, C, F, T) to int8 (B, K)."""
    batches = [_simulate_batch(program, inputs[i : i + BATCH]) for i in range(0, len(inputs), BATCH)]
    return np.concatenate(batches)


def run(operation: Operation, inputs: Sequence[NDArray[Any]], quantizations: Quantizations) -> NDArray[Any]:
    """Run one operation of an INT8 program: int8 in and out, int16 where a value is wide."""
    real, found = operation.simulate(inputs, quantizations), quantizations[operation.output]
    lowest = found.zero_point if operation.rectified else found.lowest
    integers = np.clip(np.rint(real) + found.zero_point, lowest, found.highest)
    return integers.astype(found.dtype)


def logits(program: Program, log_mel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Real log-mel (B, C, F, T) to real logits (B, K), as the INT8 program computes them."""
    return dequantize_output(program, simulate(program, quantize_input(program, log_mel)))


def _simulate_batch(program: Program, inputs: Int8) -> Int8:
    values: dict[str, NDArray[Any]] = {program.input: np.ascontiguousarray(inputs.transpose(0, 2, 3, 1))}
    quantizations = program.quantizations
    last_use = {name: i for i, operation in enumerate(program.operations) for name in operation.inputs}
    for index, operation in enumerate(program.operations):
        values[operation.output] = run(operation, [values[name] for name in operation.inputs], quantizations)
        for name in operation.inputs:
            if last_use[name] == index:
                values.pop(name, None)
    return values[program.output]


def observe(program: Program, batches: Iterable[Tensor]) -> dict[str, Range]:
    """Smallest and largest value of every activation of a float program, and of what operations have inside, over at
    least one batch of log-mel (B, C, F, T).
    """
    ranges: dict[str, Range] = {}
    for log_mel in batches:
        for name, value in run_float(program, log_mel).items():
            low, high = (float(end) for end in value.aminmax())
            before = ranges.get(name, Range(low, high))
            ranges[name] = Range(min(low, before.low), max(high, before.high))
    return ranges


@torch.inference_mode()
def run_float(program: Program, log_mel: Tensor) -> dict[str, Tensor]:
    """Every value of a float program for log-mel (B, C, F, T); the logits (B, K) are `program.output`."""
    values = {program.input: log_mel}
    for operation in program.operations:
        values |= operation.run_float([values[name] for name in operation.inputs])
    return values
