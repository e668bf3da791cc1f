"""A function of each number by itself that is not part of another operation: y = g(x).

An int8 input has 256 values, so the output has at most as many. The files compute it in float32 between DEQUANTIZE and
QUANTIZE, and runtimes err there by a few units of the last place; the output's scale is moved until none of the 256
real outputs, in its steps, is so near a tie that they could round differently.

What float32 errs by: the input is a product of two numbers, or of three where it has a unit, and the output is divided
by its scale, or by its unit first: ten roundings of 2^-24 with those of a few operators between them, which is below
`RELATIVE_ERROR` of y. Where a function adds before it multiplies, the error does not shrink with y: that part is its
`absolute_error`.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from compress.arithmetic.arithmetic import Arithmetic, Axes, Tensor
from compress.operations.formula import Formula
from compress.operations.operation import OneInput, Quantizations, Shapes
from compress.operations.scales import Scales
from compress.quantization import INT8_MAX, INT8_MIN, quantized_part
from tinyasc.errors import UserError

RELATIVE_ERROR = 2.0**-19
NUDGES = 512
NUDGE = 1 + 2.0**-12

Reals = NDArray[np.float64]


class ElementwiseFunction(OneInput, Formula):
    """A function with one input; a subclass is a dataclass with these fields, and says what the function is."""

    input: str
    units: tuple[float, float] | None
    """Real size of 1.0 of the input and of the output in the file; None in a float program."""

    @abstractmethod
    def apply(self, do: Arithmetic, x: Tensor) -> Tensor:
        """It in float32 operators, each of which XNNPACK has."""

    @abstractmethod
    def exact(self, x: Reals) -> Reals:
        """It in float64, which decides what is near a tie."""

    def absolute_error(self, x: Reals) -> Reals | float:
        """What float32 may err by at most, besides `RELATIVE_ERROR` of the output."""
        return 0.0

    def float_formula(
        self, do: Arithmetic, inputs: Sequence[Tensor], parameters: Mapping[str, Tensor], axes: Axes
    ) -> dict[str, Tensor]:
        return {self.output: self.apply(do, inputs[0])}

    def int8_formula(self, do: Arithmetic, inputs: Sequence[Tensor], axes: Axes) -> Tensor:
        (x,), (given, output) = inputs, quantized_part(self.output, self.units)
        result = self.apply(do, x if given == 1 else do.times(x, given))
        return result if output == 1 else do.times(result, 1 / output)

    def refine(self, scales: Scales) -> None:
        """Widen the output, with what is bound to it, until no tie is near.

        Raises:
            UserError: none of the scales tried is so.
        """
        for _ in range(NUDGES):
            if self._is_clear(scales.settled):
                return
            scales.widen(self.output, scales.step(self.output) * NUDGE)
        raise UserError(f"{self.output} has a tie near at every scale: observe other clips")

    def quantized(self, quantizations: Quantizations, shapes: Shapes) -> Self:
        if not self._is_clear(quantizations):
            raise UserError(f"{self.output} is too near a tie at its scale: assign the scales anew")
        fields: dict[str, Any] = {"units": (quantizations[self.input].unit, quantizations[self.output].unit)}
        return replace(self, **fields)  # type: ignore[type-var]

    def _is_clear(self, quantizations: Quantizations) -> bool:
        given, output = quantizations[self.input], quantizations[self.output]
        x = given.step * (np.arange(INT8_MIN, INT8_MAX + 1, dtype=np.float64) - given.zero_point)
        y = self.exact(x)
        error = RELATIVE_ERROR * np.abs(y) + self.absolute_error(x)
        steps = y / output.step
        inside = (steps > INT8_MIN - output.zero_point - 1) & (steps < INT8_MAX - output.zero_point + 1)
        distance = np.abs(steps - np.floor(steps) - 0.5) * output.step
        return bool((distance > error)[inside].all())
