"""Global response norm of a map, or of the sum of two: y = x (1 + gamma n_c) + beta, n_c = ||x_c|| / mean_c ||x_c||.

The INT8 form is `response_norm_integers`. A residual addition before the norm is part of it: its sum is not rounded to
int8 first, and the norm is the only place where the two meet, so no tie has to be kept away.

Source: Woo et al., "ConvNeXt V2", 2023; one gamma and one beta for all channels as in CP-Mobile (Schmid et al., 2023).
Shapes: B batch, C channels, F mel bands, T frames.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import gcd
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from compress.operations.operation import Operation, Quantizations, Scales, Shapes
from compress.operations.response_norm_integers import (
    LARGEST_ENERGY,
    NormIntegers,
    energy_shift,
    integers,
    normed,
    sums_are_exact,
)
from compress.operations.straight_through import Stand
from compress.quantization import Quantization, rescaled
from tinyasc.errors import UserError

INPUT_SCALES = (1, 2, 3, 4, 5)
"""Integers, so that a sum of int8 in these steps is one."""
OUTPUT_SCALES = (1, 2, 4)
"""Powers of two, so that an output in these steps is never near a tie."""


@dataclass(frozen=True)
class ResponseNorm(Operation):
    """Global response norm with an optional ReLU."""

    inputs: tuple[str, ...]
    """One value, or two of one shape whose sum is normed."""
    output: str
    energy: str
    """Inside: the sum of x^2 over F and T, (C,)."""
    gamma: float
    beta: float
    epsilon: float
    """Added to the mean norm; the INT8 form adds 1 to the sum of its integer norms instead."""
    relu: bool
    integers: NormIntegers | None
    """None in a float program."""

    def __post_init__(self) -> None:
        if isinstance(self.integers, dict):  # JSON knows no other
            object.__setattr__(self, "integers", NormIntegers(**self.integers))

    @property
    def inside(self) -> tuple[str, ...]:
        return (self.energy,)

    @property
    def parameters(self) -> dict[str, NDArray[Any]]:
        return {"gamma": np.array(self.gamma, np.float32), "beta": np.array(self.beta, np.float32)}

    def with_parameters(self, parameters: Mapping[str, NDArray[np.float32]]) -> Self:
        return replace(self, **{name: value.item() for name, value in parameters.items()})

    def run_float(self, inputs: Sequence[Tensor]) -> dict[str, Tensor]:
        x = sum(inputs[1:], start=inputs[0])
        energy = x.square().sum((2, 3))
        norm = energy.sqrt()
        scale = 1 + self.gamma * norm / (norm.mean(1, keepdim=True) + self.epsilon)
        result = x * scale[:, :, None, None] + self.beta
        return {self.output: result.relu() if self.relu else result, self.energy: energy}

    def settle(self, scales: Scales) -> None:
        """Give the inputs one unit and small integers as scales, the output a unit of its own.

        Of the scales that keep every sum exact, those are taken that lose least. An input that an earlier norm gives,
        which alone has a unit by now, takes one that a norm's output may have.

        Raises:
            UserError: another operation relies on the scale of an input, or the map has too many frames.
        """
        settled, shape = scales.settled, scales.shapes[self.output]
        if taken := scales.bound.intersection(self.inputs):
            raise UserError(f"{self.output} norms {taken.pop()}, whose scale another addition or norm relies on")
        given = [settled[name] for name in self.inputs]
        found = min(filter(None, (_in_steps(given, steps, shape) for steps in _choices(given))), default=None)
        if found is None:
            raise UserError(f"{self.output} norms {shape[2]} frames: the INT8 program norms fewer, give shorter clips")
        _, unit, steps = found
        for name, step in zip(self.inputs, steps, strict=True):
            settled[name] = rescaled(settled[name], step, unit)
        scales.bound.update(self.inputs)
        settled[self.output] = replace(settled[self.output], scale=1.0, unit=settled[self.output].step)
        largest = scales.ranges[self.energy].high / unit**2
        shift = energy_shift(largest, _reach([settled[name] for name in self.inputs]), shape)
        settled[self.energy] = Quantization(2.0**shift, 0, unit**2)

    def quantized(self, quantizations: Quantizations, shapes: Shapes) -> Self:
        given, output = [quantizations[name] for name in self.inputs], quantizations[self.output]
        fit = {found.scale for found in given} <= {*INPUT_SCALES} and output.scale in OUTPUT_SCALES
        if len({found.unit for found in given}) > 1 or not fit:
            raise UserError(f"{self.output} norms values in scales that were not settled for it: assign them anew")
        shape = shapes[self.output]
        if not sums_are_exact(_reach(given), shape, quantizations[self.energy].scale):
            raise UserError(f"{self.output} sums more than 2^24, which float32 would not hold exactly")
        return replace(self, integers=self._integers(self.gamma, self.beta, quantizations, shape[0]))

    def simulate(self, inputs: Sequence[NDArray[np.int8]], quantizations: Quantizations) -> NDArray[Any]:
        if self.integers is None:
            raise ValueError(f"{self.output} is not quantized: an INT8 program is needed")
        given = [quantizations[name] for name in self.inputs]
        parts = [(value.astype(np.int64) - q.zero_point) * int(q.scale) for value, q in zip(inputs, given, strict=True)]
        return normed(np.sum(parts, axis=0), self.integers, quantizations[self.output])

    def train(self, tensors: Mapping[str, Tensor], inputs: Sequence[Tensor], quantizations: Quantizations) -> Tensor:
        given, output = [quantizations[name] for name in self.inputs], quantizations[self.output]
        gamma, beta = tensors["gamma"], tensors["beta"]
        parts = [value * q.scale for value, q in zip(inputs, given, strict=True)]
        x = sum(parts[1:], start=parts[0])
        constants = self._integers(gamma.item(), beta.item(), quantizations, x.shape[1])
        norm = (x.square().sum((2, 3)) + 1e-6).sqrt()  # a root has no slope at zero
        scale = 1 + gamma * norm / norm.mean(1, keepdim=True)
        formula = (x * scale[:, :, None, None] * given[0].unit + beta) / output.step
        return Stand.apply(_normed(x.detach(), constants, output), formula)

    def _integers(self, gamma: float, beta: float, quantizations: Quantizations, channels: int) -> NormIntegers:
        given, energy, output = (quantizations[name] for name in (self.inputs[0], self.energy, self.output))
        return integers(self.output, channels, gamma=gamma, beta=beta, given=given, energy=energy, output=output)


def _choices(given: Sequence[Quantization]) -> list[tuple[int, ...]]:
    each = [INPUT_SCALES if found.unit == 1 else OUTPUT_SCALES for found in given]
    return [steps for steps in product(*each) if gcd(*steps) == 1]


def _reach(given: Sequence[Quantization]) -> int:
    return sum(int(found.scale) * found.reach for found in given)


def _in_steps(
    given: Sequence[Quantization], steps: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[float, float, tuple[int, ...]] | None:
    """(noise of rounding, unit, steps) of inputs widened to these steps of one unit; None where sums are not exact."""
    unit = max(found.step / step for found, step in zip(given, steps, strict=True))
    widened = [rescaled(found, step, unit) for found, step in zip(given, steps, strict=True)]
    if not sums_are_exact(_reach(widened), shape):
        return None
    return sum(found.step**2 for found in widened), unit, steps


def _normed(x: Tensor, constants: NormIntegers, output: Quantization) -> Tensor:
    """`response_norm_integers.normed` in float32, for a map x (B, C, F, T): every step of it is exact."""
    rows = (x.square().sum(3) * 2.0**-constants.energy_shift).floor()
    norm = (rows.sum(2).clamp(max=LARGEST_ENERGY).sqrt() + 0.5).floor()  # (B, C)
    total = (norm.sum(1, keepdim=True) * 2.0**-constants.sum_shift).floor() + 1
    reciprocal = (constants.numerator / 4 / total + 0.5).floor()
    moved = (norm * (reciprocal * 2.0**-constants.reciprocal_shift)).floor()
    scale = (constants.offset + moved) * 2.0**-constants.fraction
    bias = constants.bias * 2.0 ** -(constants.fraction + 1)
    return (x * scale[:, :, None, None] + bias) / output.scale
