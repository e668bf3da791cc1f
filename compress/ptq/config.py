"""Which methods of post-training quantization are used, and how."""

from dataclasses import dataclass, field
from typing import Literal

from compress.ptq.adaround import AdaRoundConfig
from compress.ptq.equalization import Kind
from compress.ptq.ranges.setting import Way
from tinyasc.errors import UserError


@dataclass(frozen=True)
class PtqConfig:
    """Post-training quantization. Methods are used in the order of these fields."""

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
