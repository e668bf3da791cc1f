"""Addition of two activations.

    y = clamp(round((a - z_a) * s_a / s_y + (b - z_b) * s_b / s_y) + z_y), never near a tie

A runtime may compute this in 20-bit fixed point (XNNPACK) or in float32 (ONNX Runtime), and the two break ties
differently. The ratios of the scales are therefore fractions with an odd denominator: a sum of such fractions is never
half an integer, so no tie exists and every runtime rounds alike. With a 16-bit value among the three it is computed as
in `compress.operations.wide`, whose rounding is the same at any scales.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.fx import Node

from compress.arithmetic import arithmetic
from compress.arithmetic.arithmetic import Arithmetic, Axes
from compress.lowering.channels import Channels, ChannelWalk
from compress.lowering.graph import Lowering, lowers
from compress.operations.operation import Quantizations, Shapes
from compress.operations.scales import Scales, as_fraction, odd_fraction_below
from compress.operations.straight_through import Stand
from compress.operations.wide import TakesWide
from compress.quantization import CLAMPED, REACH, distance_from_tie
from tinyasc.errors import UserError

# Distance from a tie is 1 / (2 * 127) = 3.9e-3; XNNPACK's fixed point errs by 2.4e-4 per unit of the larger ratio.
DENOMINATOR = 127
# Of ratios that other additions have chosen, up to 1: 1 / (2 * 511) = 9.8e-4.
MOST_DENOMINATOR = 511


@dataclass(frozen=True)
class Addition(TakesWide, kind="addition"):
    """Sum of two values with an optional ReLU; a row of one band or of one frame is added to all of them."""

    inputs: tuple[str, str]
    output: str
    relu: bool

    def run_float(self, inputs: Sequence[Tensor]) -> dict[str, Tensor]:
        result = inputs[0] + inputs[1]
        return {self.output: result.relu() if self.relu else result}

    def settle(self, scales: Scales) -> None:
        """Keep the scale of one input, widen the output to the next tie-free ratio, and then the other input.

        What the output or the inputs are bound to is widened with them. Where earlier additions have given two of the
        three a ratio already, the others are chosen to fit it.

        Raises:
            UserError: no scales fit, one input is over 127 times smaller than the sum, or a norm or attention has given
                one a unit of its own.
        """
        if self.any_wide(scales.settled):
            return
        if any(scales.settled[name].unit != 1 for name in (*self.inputs, self.output)):
            raise UserError(
                f"{self.output} adds what a norm or attention takes or gives: put a convolution between them"
            )

        def hardest_last(name: str) -> tuple[bool, bool, int]:
            return scales.together(name, self.output), *scales.company(name)

        moved, fixed = sorted(reversed(self.inputs), key=hardest_last)
        denominator = self._settle_output(scales, fixed, moved)
        scales.bind(fixed, self.output)
        if not scales.together(moved, self.output):
            step = scales.step(self.output) / denominator
            scales.widen(moved, max(1, int(np.ceil(scales.step(moved) / step * (1 - 1e-12)))) * step)
        scales.bind(moved, self.output)

    def _settle_output(self, scales: Scales, fixed: str, moved: str) -> int:
        """Give the output a scale that fits the fixed input; returns the denominator of their ratio."""
        ratio = scales.step(fixed) / scales.step(self.output)
        largest = max(ratio, scales.step(moved) / scales.step(self.output))
        denominator = _denominator(largest)
        if scales.together(fixed, self.output):
            found = as_fraction(ratio, MOST_DENOMINATOR)
            if found is None or found.denominator % 2 == 0:
                raise UserError(f"{self.output} adds {fixed}, whose scale other additions have given a ratio with ties")
            return found.denominator * max(1, (denominator // found.denominator - 1) // 2 * 2 + 1)
        if scales.together(fixed, moved):
            common = as_fraction(scales.step(fixed) / scales.step(moved), MOST_DENOMINATOR)
            part = None if common is None else odd_fraction_below(ratio / common.numerator, _most(largest))
            if common is None or part is None:
                raise UserError(
                    f"{self.output} adds two values that earlier additions bind: no scale is left to choose"
                )
            scales.widen(self.output, scales.step(fixed) / float(part * common.numerator))
            return part.denominator
        numerator = int(np.floor(denominator * ratio))
        if numerator < 1:
            raise UserError(
                f"{self.output} adds {fixed}, which is {1 / ratio:.0f} times smaller: nothing of it is left"
            )
        scales.widen(self.output, scales.step(fixed) * denominator / numerator)
        return denominator

    def ratios(self, quantizations: Quantizations) -> tuple[float, float]:
        """s_a / s_y and s_b / s_y."""
        output = quantizations[self.output].scale
        first, second = (quantizations[name].scale / output for name in self.inputs)
        return first, second

    def wide_ratios(self, quantizations: Quantizations) -> tuple[float, float]:
        """The same in real steps, each a float32."""
        output = quantizations[self.output].step
        first, second = (float(np.float32(quantizations[name].step / output)) for name in self.inputs)
        return first, second

    def quantized(self, quantizations: Quantizations, shapes: Shapes) -> Self:
        if self.any_wide(quantizations):
            return self
        first, second = self.ratios(quantizations)
        # XNNPACK's 20-bit fixed point: both factors are rounded to 2^-20 of the larger one's power of two
        smaller, larger = sorted((first, second))
        steps = REACH + min(REACH, (CLAMPED + REACH * smaller) / larger)  # of both inputs, where the sum is not clamped
        error = steps * 0.5 * 2.0 ** (np.ceil(np.log2(max(larger, 1.0))) - 20)
        if smallest_distance(first, second) < 2 * error:
            raise UserError(f"{self.output} adds at scale ratios {first:.6f} and {second:.6f}, too near a tie")
        return self

    def simulate(self, inputs: Sequence[NDArray[np.int8]], quantizations: Quantizations) -> NDArray[Any]:
        if self.any_wide(quantizations):
            return self.simulate_wide(inputs, quantizations)
        first, second = (
            (value.astype(np.float64) - quantizations[name].zero_point) * ratio
            for name, value, ratio in zip(self.inputs, inputs, self.ratios(quantizations), strict=True)
        )
        return first + second

    def train(self, tensors: Mapping[str, Tensor], inputs: Sequence[Tensor], quantizations: Quantizations) -> Tensor:
        wide = self.any_wide(quantizations)
        # tie-free scales: float32 rounds these sums like exact arithmetic
        pairs = zip(inputs, self.wide_ratios(quantizations) if wide else self.ratios(quantizations), strict=True)
        real = sum((value * ratio for value, ratio in pairs), start=torch.zeros(()))
        return Stand.apply(self.train_wide(inputs, quantizations), real) if wide else real

    def wide_formula(
        self, do: Arithmetic, inputs: Sequence[arithmetic.Tensor], quantizations: Quantizations, axes: Axes
    ) -> arithmetic.Tensor:
        pairs = zip(inputs, self.wide_ratios(quantizations), strict=True)
        first, second = (do.times(x, ratio) for x, ratio in pairs)
        return do.rounded(do.add(first, second))


def _joined_channels(walk: ChannelWalk, node: Node) -> Channels:
    first, second = (walk.channels[source] for source in node.args[:2])  # type: ignore[index]
    walk.join(first, second)
    return first


@lowers("aten.add.Tensor", "aten.add_.Tensor", channels=_joined_channels)
def _lower(lowering: Lowering, node: Node) -> str:
    given: tuple[Any, ...] = node.args
    first, second = (lowering.name_of.get(argument) for argument in given[:2])
    if first is None or second is None or node.kwargs:
        raise UserError(f"{node.name} adds a constant or a scaled value: the INT8 program adds two activations")
    shapes = [lowering.values[name].shape for name in (first, second)]
    if np.broadcast_shapes(*shapes) not in shapes or shapes[0][0] != shapes[1][0]:
        raise UserError(f"{node.name} adds {shapes[0]} and {shapes[1]}: the INT8 program adds a map, or a row to a map")
    return lowering.emit(node, Addition((first, second), node.name, False))


def _denominator(largest_ratio: float) -> int:
    """`DENOMINATOR`, or a smaller one for ratios beyond 8, at which fixed point errs by more."""
    return DENOMINATOR >> max(0, int(np.ceil(np.log2(largest_ratio))) - 3)


def _most(largest_ratio: float) -> int:
    """`MOST_DENOMINATOR`, or a smaller one for ratios beyond 1."""
    return MOST_DENOMINATOR >> max(0, int(np.ceil(np.log2(largest_ratio * 1.01))))


def smallest_distance(first: float, second: float) -> float:
    """Smallest distance of first * a + second * b from k + 1/2, over all differences a and b of two int8.

    Sums that are clamped at any zero point are left out: there scales that float32 has rounded may be near a tie.
    """
    differences = np.arange(-REACH, REACH + 1, dtype=np.float64)
    sums = np.add.outer(first * differences, second * differences)
    return distance_from_tie(sums[np.abs(sums) <= CLAMPED])
