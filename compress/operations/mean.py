"""Mean over frequency and time.

    y = clamp(round(sum(x - z_x) * s_x / (s_y * n)) + z_y), never near a tie

Runtimes break ties differently here as in an addition, and the scales are chosen in the same way. With a 16-bit input
or output it is computed as in `compress.operations.wide`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from compress.operations.operation import Operation, Quantizations, Scales, Shapes
from compress.operations.straight_through import Stand
from compress.operations.wide import MOST_IN_PART, any_wide, joined, rounded, split
from compress.quantization import INT8_MAX, INT8_MIN, distance_from_tie, rescaled
from tinyasc.errors import UserError

# Distance from a tie is 1 / (2 * 2047) = 2.4e-4; float32 requantization of an int8 result errs by 5e-5 at most.
DENOMINATOR = 2047


@dataclass(frozen=True)
class Mean(Operation):
    """Mean over F and T: (C, F, T) -> (C,)."""

    takes_wide: ClassVar[bool] = True

    input: str
    output: str

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)

    def run_float(self, inputs: Sequence[Tensor]) -> dict[str, Tensor]:
        return {self.output: inputs[0].mean((2, 3))}

    def settle(self, scales: Scales) -> None:
        """Widen the output to the next tie-free ratio.

        Raises:
            UserError: a response norm has given the input a unit of its own.
        """
        given, output = scales.settled[self.input], scales.settled[self.output]
        if any_wide(given, output):
            return
        if given.unit != 1:
            raise UserError(f"{self.output} averages what a response norm gives: put a convolution between them")
        positions = int(np.prod(scales.shapes[self.input][1:]))
        numerator = max(1, int(np.floor(DENOMINATOR * given.scale / (output.scale * positions))))
        scales.settled[self.output] = rescaled(output, given.scale * DENOMINATOR / (numerator * positions))
        scales.bound.update({self.input, self.output})

    def ratio(self, quantizations: Quantizations, positions: int) -> float:
        """s_x / (s_y * n) for n positions."""
        return quantizations[self.input].scale / (quantizations[self.output].scale * positions)

    def wide_ratio(self, quantizations: Quantizations, positions: int) -> float:
        """The same in real steps, a float32."""
        return float(np.float32(quantizations[self.input].step / (quantizations[self.output].step * positions)))

    def quantized(self, quantizations: Quantizations, shapes: Shapes) -> Self:
        positions = int(np.prod(shapes[self.input][1:]))
        if any_wide(quantizations[self.input], quantizations[self.output]):
            if positions > MOST_IN_PART:
                raise UserError(f"{self.output} averages {positions} positions, in 16 bits at most {MOST_IN_PART}")
            return self
        ratio = self.ratio(quantizations, positions)
        # float32 rounds the multiplier and the product of an int8 result: 2^-24 each of at most 255
        if smallest_distance(ratio, positions) < 2 * 2 * 255 * 2.0**-24:
            raise UserError(f"{self.output} averages at the scale ratio {ratio:.9f}, too near a tie")
        return self

    def simulate(self, inputs: Sequence[NDArray[np.int8]], quantizations: Quantizations) -> NDArray[Any]:
        (value,) = inputs
        positions = value.shape[1] * value.shape[2]
        given, output = quantizations[self.input], quantizations[self.output]
        if any_wide(given, output):
            high, low = split(value.astype(np.float32) - given.zero_point)
            total = joined(high.sum(axis=(1, 2)), low.sum(axis=(1, 2)))
            return rounded(total * self.wide_ratio(quantizations, positions))
        total = value.sum(axis=(1, 2), dtype=np.int64) - positions * quantizations[self.input].zero_point
        return total * self.ratio(quantizations, positions)

    def train(self, tensors: Mapping[str, Tensor], inputs: Sequence[Tensor], quantizations: Quantizations) -> Tensor:
        (value,) = inputs
        positions = value.shape[2] * value.shape[3]
        if any_wide(quantizations[self.input], quantizations[self.output]):
            ratio = self.wide_ratio(quantizations, positions)
            high, low = split(value.detach())
            exact = joined(high.sum((2, 3)), low.sum((2, 3)))
            return Stand.apply(rounded(exact * ratio), value.sum((2, 3)) * ratio)
        return value.sum((2, 3)) * self.ratio(quantizations, positions)


def smallest_distance(ratio: float, positions: int) -> float:
    """Smallest distance of ratio * n from k + 1/2, over all sums n of `positions` differences of two int8.

    Args:
        ratio: s_x / (s_y * positions).
        positions: values in the mean.
    """
    reach = positions * (INT8_MAX - INT8_MIN)
    return distance_from_tie(ratio * np.arange(-reach, reach + 1, dtype=np.float64))
