"""Ranges of every activation of a float program over some clips: where quantization starts.

Plain minimum and maximum; clipping to percentiles or by squared error made this network worse, not better.
Shapes: B batch, C channels, F mel bands, T frames, K classes.
"""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional as F

from compress.program import Addition, Convolution, Operation, Program
from compress.scheme import Range


def observe(program: Program, batches: Iterable[Tensor]) -> dict[str, Range]:
    """Smallest and largest value of every activation.

    Args:
        program: a float program.
        batches: log-mel (B, C, F, T), at least one.
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
    """Every activation of a float program for log-mel (B, C, F, T); the logits (B, K) are `program.output`."""
    values = {program.input: log_mel}
    for operation in program.operations:
        values[operation.output] = _run(operation, values)
    return values


def _run(operation: Operation, values: dict[str, Tensor]) -> Tensor:
    inputs = [values[name] for name in operation.inputs]
    if isinstance(operation, Convolution):
        weight, bias = (torch.from_numpy(array).to(inputs[0].device) for array in (operation.weight, operation.bias))
        result = F.conv2d(inputs[0], weight, bias, operation.stride, operation.padding, 1, operation.groups)
        return result.relu() if operation.relu else result
    if isinstance(operation, Addition):
        result = inputs[0] + inputs[1]
        return result.relu() if operation.relu else result
    return inputs[0].mean((2, 3))
