"""A float program and some clips to an INT8 program, by the methods of a configuration.

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
from compress.scheme import DEFAULT, Scheme, assign


def calibrate(
    program: Program, batches: Sequence[Tensor], config: PtqConfig, scheme: Scheme = DEFAULT
) -> tuple[Program, Program]:
    """The INT8 program of a float program, behind the float program that its values are to be compared with.

    The latter is the former's function, its channels scaled as equalization scales those of the INT8 program.

    Args:
        program: a float program.
        batches: log-mel (B, C, F, T), at least one.
        config: which methods.
        scheme: how real numbers become integers.

    Raises:
        UserError: the program could round differently in two runtimes, or sum more than float32 holds exactly, or
            the scheme asks for what it does not have.
    """
    real = equalized(program, batches, config.equalization)
    ranges = set_ranges(real, batches, config.activation_ranges, config.percentile)
    changed = scheme.applied(real)
    if config.weight_ranges == "mse":
        changed = least_error(changed)
    methods: list[Method] = []
    if config.rounding == "adaround":
        methods.append(partial(adarounded, config=config.adaround, central=config.bias_correction))
    if config.bias_correction:
        methods.append(bias_corrected)
    changed = walk(changed, ranges, batches, methods, scheme)
    return real, quantize(changed, assign(changed, ranges, scheme))
