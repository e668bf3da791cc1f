"""A float program and some clips to an INT8 program, by the methods of a configuration.

Shapes: B batch, C channels, F mel bands, T frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from torch import Tensor

from compress.program import Program
from compress.ptq.adaround import AdaRoundConfig, adarounded
from compress.ptq.equalization import Kind, equalized
from compress.ptq.ranges import Way, least_error, set_ranges
from compress.ptq.walk import Method, bias_corrected, walk
from compress.scheme import DEFAULT, Scheme, assign, quantize
from tinyasc.errors import UserError


@dataclass(frozen=True)
class PtqConfig:
    """Which methods of post-training quantization are used, and how. Methods are used in the order of these fields."""

    calibration_clips: int = 256
    """Training clips that ranges, means and moments are taken from."""
    equalization: Kind = "activations"
    """Factors per channel between convolutions that follow each other, by the largest weights on both sides, or by the
    largest activations between them."""
    activation_ranges: Way = "percentile"
    """Whole ranges, or those that leave out a share of the values, or lose least by squared error or by entropy."""
    percentile: float = 99.999
    """Of the values at each end of a range that are kept, with percentile: in percent."""
    weight_ranges: Literal["max", "mse"] = "max"
    """The step of each output channel's weights: the largest of them is 127, or the mean squared error is least."""
    rounding: Literal["nearest", "adaround"] = "adaround"
    """Of weights to integers."""
    adaround: AdaRoundConfig = field(default_factory=AdaRoundConfig)
    """With adaround: how."""
    bias_correction: bool = True
    """Biases that undo what rounding adds to the mean of every channel."""

    def __post_init__(self) -> None:
        if self.calibration_clips < 1:
            raise UserError(f"ptq: calibration_clips is {self.calibration_clips}: take 1 or more")
        if not 50 < self.percentile <= 100:
            raise UserError(f"ptq: percentile is {self.percentile}: take more than 50, at most 100")


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
