"""Ranges of every activation of a float program over some clips: where quantization starts.

Plain minimum and maximum: training moves them on. Without training a range may be clipped (`compress.ptq.ranges`).
Shapes: B batch, C channels, F mel bands, T frames, K classes.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from compress.program import Program
from compress.quantization import Range


def observe(program: Program, batches: Iterable[Tensor]) -> dict[str, Range]:
    """Smallest and largest value of every activation, and of what operations have inside.

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
    """Every value of a float program for log-mel (B, C, F, T); the logits (B, K) are `program.output`."""
    values = {program.input: log_mel}
    for operation in program.operations:
        values |= operation.run_float([values[name] for name in operation.inputs])
    return values
