"""An activation function of each number by itself that is not piecewise linear: y = g(x).

An int8 input has 256 values, so the output has at most as many. The files compute it in float32 between DEQUANTIZE and
QUANTIZE, and runtimes err there by a few units of the last place; the output's scale is moved until none of the 256
real outputs, in its steps, is so near a tie that they could round differently.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from torch.fx import Node

from compress.arithmetic.arithmetic import Arithmetic, Tensor
from compress.arithmetic.geometry import Axes
from compress.lowering.channels import each_channel
from compress.lowering.graph import Lowering, lowers
from compress.operations.formula import Formula
from compress.operations.operation import Quantizations, Shapes
from compress.operations.scales import Scales
from compress.quantization import INT8_MAX, INT8_MIN, Quantization
from tinyasc.errors import UserError

# What float32 may err by in all: a logistic that errs by 2^-21 where it is near zero and by 8 units of the last place
# elsewhere, and the products and the quotient around it.
LOGISTIC_ERROR = 2.0**-21
RELATIVE_ERROR = 2.0**-19
NUDGES = 512
NUDGE = 1 + 2.0**-12


@dataclass(frozen=True)
class ActivationFunction(Formula, kind="activation_function"):
    """SiLU, x / (1 + e^-x) (Elfwing et al. 2017, arXiv:1702.03118), or its second factor, the sigmoid."""

    input: str
    output: str
    function: Literal["silu", "sigmoid"]
    units: tuple[float, float] | None
    """Real size of 1.0 of the input and of the output in the file; None in a float program."""

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)

    def float_formula(
        self, do: Arithmetic, inputs: Sequence[Tensor], parameters: Mapping[str, Tensor], axes: Axes
    ) -> dict[str, Tensor]:
        (x,) = inputs
        share = do.logistic(x)
        return {self.output: share if self.function == "sigmoid" else do.multiply(x, share)}

    def int8_formula(self, do: Arithmetic, inputs: Sequence[Tensor], axes: Axes) -> Tensor:
        if self.units is None:
            raise ValueError(f"{self.output} is not quantized: an INT8 program is needed")
        (x,), (given, output) = inputs, self.units
        real = x if given == 1 else do.times(x, given)
        result = self.float_formula(do, [real], {}, axes)[self.output]
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
        return replace(self, units=(quantizations[self.input].unit, quantizations[self.output].unit))

    def _is_clear(self, quantizations: Quantizations) -> bool:
        given, output = quantizations[self.input], quantizations[self.output]
        x, y = self._table(given)
        error = RELATIVE_ERROR * np.abs(y) + LOGISTIC_ERROR * (1 if self.function == "sigmoid" else np.abs(x))
        steps = y / output.step
        inside = (steps > INT8_MIN - output.zero_point - 1) & (steps < INT8_MAX - output.zero_point + 1)
        distance = np.abs(steps - np.floor(steps) - 0.5) * output.step
        return bool((distance > error)[inside].all())

    def _table(self, given: Quantization) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """All 256 real inputs, and their outputs."""
        x = given.step * (np.arange(INT8_MIN, INT8_MAX + 1, dtype=np.float64) - given.zero_point)
        share = 1 / (1 + np.exp(-x.clip(min=-700)))
        return x, share if self.function == "sigmoid" else x * share


@lowers("aten.silu.default", "aten.silu_.default", channels=each_channel)
def _silu(lowering: Lowering, node: Node) -> str:
    source: Any = node.args[0]
    return lowering.emit(node, ActivationFunction(lowering.name_of[source], node.name, "silu", None))


@lowers("aten.sigmoid.default", channels=each_channel)
def _sigmoid(lowering: Lowering, node: Node) -> str:
    source: Any = node.args[0]
    return lowering.emit(node, ActivationFunction(lowering.name_of[source], node.name, "sigmoid", None))
