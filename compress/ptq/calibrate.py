"""A float program and some clips to the INT8 program, by the methods of a configuration.

Shapes: B batch, C channels, F mel bands, T frames.
"""

from collections.abc import Sequence
from functools import partial

from torch import Tensor

from compress.program import Program
from compress.ptq.adaround import adarounded
from compress.ptq.bias_correction import bias_corrected
from compress.ptq.config import PtqConfig
from compress.ptq.equalization import equalized
from compress.ptq.ranges.setting import set_ranges
from compress.ptq.walk import Method, walk
from compress.ptq.weight_ranges import least_error
from compress.quantize import quantize
from compress.scheme import assign


def calibrate(program: Program, batches: Sequence[Tensor], config: PtqConfig) -> Program:
    """The INT8 program of a float program.

    Args:
        program: a float program.
        batches: log-mel (B, C, F, T), at least one.
        config: which methods.

    Raises:
        UserError: the program could round differently in two runtimes, or sum more than float32 holds exactly.
    """
    program = equalized(program, batches, config.equalization)
    ranges = set_ranges(program, batches, config.activation_ranges, config.percentile)
    if config.weight_ranges == "mse":
        program = least_error(program)
    methods: list[Method] = []
    if config.rounding == "adaround":
        methods.append(partial(adarounded, config=config.adaround, central=config.bias_correction))
    if config.bias_correction:
        methods.append(bias_corrected)
    program = walk(program, ranges, batches, methods)
    return quantize(program, assign(program, ranges))
