"""Mean over frequency, over time, or over both.

    y = clamp(round(sum(x - z_x) * s_x / (s_y * n)) + z_y), never near a tie

Runtimes break ties differently here as in an addition, and the scales are chosen in the same way. With a 16-bit input
or output it is computed as in `compress.operations.wide`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.fx import Node

from compress.arithmetic import arithmetic
from compress.arithmetic.arithmetic import Arithmetic, Axes
from compress.lowering.channels import each_channel
from compress.lowering.graph import Lowering, arguments, lowers
from compress.operations.operation import OneInput, Quantizations, Shapes
from compress.operations.scales import Scales, odd_fraction_below
from compress.operations.straight_through import Stand
from compress.operations.wide import MOST_IN_PART, TakesWide, joined, split
from compress.quantization import CLAMPED, REACH, distance_from_tie
from tinyasc.errors import UserError

# Distance from a tie is 1 / (2 * 4095) = 1.2e-4; float32 requantization of an int8 result errs by 5e-5 at most.
MOST_DENOMINATOR = 4095


@dataclass(frozen=True)
class Mean(OneInput, TakesWide, kind="mean"):
    """Mean of a map (C, F, T): over both axes (C,), over one of them a row that keeps it with length 1."""

    input: str
    output: str
    axes: tuple[int, ...] = (1, 2)
    """Of (C, F, T), those that are averaged: 1 is frequency, 2 is time."""
    keep: bool = False
    """Whether they stay with length 1."""

    def positions(self, shapes: Shapes) -> int:
        """How many values are averaged to one."""
        return int(np.prod([shapes[self.input][axis] for axis in self.axes]))

    def run_float(self, inputs: Sequence[Tensor]) -> dict[str, Tensor]:
        return {self.output: inputs[0].mean([axis + 1 for axis in self.axes], self.keep)}

    def settle(self, scales: Scales) -> None:
        """Widen the output to the next tie-free ratio.

        Raises:
            UserError: a norm or attention has given the input a unit of its own, or too many positions are averaged.
        """
        if self.any_wide(scales.settled):
            return
        if scales.settled[self.input].unit != 1:
            raise UserError(
                f"{self.output} averages what a norm or attention takes or gives: put a convolution between them"
            )
        positions = self.positions(scales.shapes)
        part = scales.step(self.input) / positions
        ratio = odd_fraction_below(part / scales.step(self.output), MOST_DENOMINATOR)
        if ratio is None:
            raise UserError(f"{self.output} averages {positions} positions, the INT8 program up to {MOST_DENOMINATOR}")
        scales.widen(self.output, part / float(ratio))
        scales.bind(self.input, self.output)

    def ratio(self, quantizations: Quantizations, positions: int) -> float:
        """s_x / (s_y * n) for n positions."""
        return quantizations[self.input].scale / (quantizations[self.output].scale * positions)

    def wide_ratio(self, quantizations: Quantizations, positions: int) -> float:
        """The same in real steps, a float32."""
        return float(np.float32(quantizations[self.input].step / (quantizations[self.output].step * positions)))

    def quantized(self, quantizations: Quantizations, shapes: Shapes) -> Self:
        positions = self.positions(shapes)
        if self.any_wide(quantizations):
            if positions > MOST_IN_PART:
                raise UserError(f"{self.output} averages {positions} positions, in 16 bits at most {MOST_IN_PART}")
            return self
        ratio = self.ratio(quantizations, positions)
        # float32 rounds the multiplier and the product of an int8 result: 2^-24 each of at most 255
        if smallest_distance(ratio, positions) < 2 * 2 * 255 * 2.0**-24:
            raise UserError(f"{self.output} averages at the scale ratio {ratio:.9f}, too near a tie")
        return self

    def simulate(self, inputs: Sequence[NDArray[np.int8]], quantizations: Quantizations) -> NDArray[Any]:
        if self.any_wide(quantizations):
            return self.simulate_wide(inputs, quantizations)
        (value,) = inputs
        positions = int(np.prod([value.shape[axis] for axis in self.axes]))
        total = value.sum(axis=self.axes, dtype=np.int64, keepdims=self.keep)
        zeros = positions * quantizations[self.input].zero_point
        return (total - zeros) * self.ratio(quantizations, positions)

    def train(self, tensors: Mapping[str, Tensor], inputs: Sequence[Tensor], quantizations: Quantizations) -> Tensor:
        (value,), axes = inputs, [axis + 1 for axis in self.axes]
        positions = int(np.prod([value.shape[axis] for axis in axes]))
        total = value.sum(axes, self.keep)
        if self.any_wide(quantizations):
            real = total * self.wide_ratio(quantizations, positions)
            return Stand.apply(self.train_wide(inputs, quantizations), real)
        return total * self.ratio(quantizations, positions)

    def wide_formula(
        self, do: Arithmetic, inputs: Sequence[arithmetic.Tensor], quantizations: Quantizations, axes: Axes
    ) -> arithmetic.Tensor:
        (x,) = inputs
        averaged = [(axes.frequency, axes.time)[axis - 1] for axis in self.axes]
        positions = int(np.prod([x.shape[axis] for axis in averaged]))
        high, low = (do.sum(part, *averaged) for part in split(do, x))
        result = do.rounded(do.times(joined(do, high, low), self.wide_ratio(quantizations, positions)))
        return result if self.keep else do.reshape(result, (x.shape[0], x.shape[axes.channel]))


@lowers("aten.mean.dim", channels=each_channel)
def _mean(lowering: Lowering, node: Node) -> str:
    """Its axes stay with length 1; those that are left out in the network must be the last ones."""
    source, dimensions, keep = arguments(node, 3, (False,))
    axes = tuple(sorted(dimension % 4 - 1 for dimension in dimensions))
    if axes not in ((1,), (2,), (1, 2)) or (axes != (1, 2) and not keep):
        raise UserError(f"{node.name} averages dimensions {dimensions}: the INT8 program averages frequency and time")
    return lowering.emit(node, Mean(lowering.name_of[source], node.name, axes, keep=True))


@lowers("aten.adaptive_avg_pool2d.default")
def _average_of_all(lowering: Lowering, node: Node) -> str:
    """An adaptive average pooling to one position."""
    given: tuple[Any, ...] = node.args
    source, size = given
    if list(size) != [1, 1]:
        raise UserError(f"{node.name} averages to {size} positions: the INT8 program averages to one")
    return lowering.emit(node, Mean(lowering.name_of[source], node.name, keep=True))


def smallest_distance(ratio: float, positions: int) -> float:
    """Smallest distance of ratio * n from k + 1/2, over all sums n of `positions` differences of two int8.

    Sums that are clamped at any zero point are left out: there scales that float32 has rounded may be near a tie.

    Args:
        ratio: s_x / (s_y * positions).
        positions: values in the mean.
    """
    reach = min(positions * REACH, int(CLAMPED / ratio))
    return distance_from_tie(ratio * np.arange(-reach, reach + 1, dtype=np.float64))
