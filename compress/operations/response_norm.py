"""Global response norm of a map, or of the sum of two: y = x (1 + gamma n_c) + beta, n_c = ||x_c|| / mean_c ||x_c||.

The INT8 form is `response_norm_integers`. A residual addition before the norm is part of it: its sum is not rounded to
int8 first, and the norm is the only place where the two meet, so no tie has to be kept away.

Source: Woo et al., "ConvNeXt V2", 2023; one gamma and one beta for all channels as in CP-Mobile (Schmid et al., 2023).
Shapes: B batch, C channels, F mel bands, T frames.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import product
from math import gcd
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.fx import Node

from compress.arithmetic.arithmetic import Arithmetic, Axes, Tensor
from compress.lowering.channels import each_channel
from compress.lowering.graph import Lowering, leaf, lowers
from compress.operations.addition import Addition
from compress.operations.formula import Formula
from compress.operations.operation import Quantizations, Shapes, Value
from compress.operations.response_norm_integers import (
    LARGEST_ENERGY,
    NormIntegers,
    energy_shift,
    integers,
    sums_are_exact,
)
from compress.operations.scales import Scales
from compress.quantization import Quantization, quantized_part, rescaled
from tinyasc.errors import UserError
from tinyasc.models.layers.norms import GlobalResponseNorm

INPUT_SCALES = (1, 2, 3, 4, 5)
"""Integers, so that a sum of int8 in these steps is one."""
OUTPUT_SCALES = (1, 2, 4)
"""Powers of two, so that an output in these steps is never near a tie."""


@dataclass(frozen=True)
class ResponseNorm(Formula, kind="response_norm"):
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

    def float_formula(
        self, do: Arithmetic, inputs: Sequence[Tensor], parameters: Mapping[str, Tensor], axes: Axes
    ) -> dict[str, Tensor]:
        x = reduce(do.add, inputs)
        energy = do.sum(do.multiply(x, x), axes.frequency, axes.time)
        root = do.square_root(energy)
        relative = do.divide(do.multiply(root, parameters["gamma"]), do.plus(do.mean(root, axes.channel), self.epsilon))
        scale = do.plus(relative, 1)
        return {self.output: do.add(do.multiply(x, scale), parameters["beta"]), self.energy: energy}

    def int8_formula(self, do: Arithmetic, inputs: Sequence[Tensor], axes: Axes) -> Tensor:
        constants = quantized_part(self.output, self.integers)
        x = reduce(do.add, inputs)
        rows = _shifted(do, do.sum(do.multiply(x, x), axes.time), constants.energy_shift)
        energy = do.minimum(do.sum(rows, axes.frequency), do.number(LARGEST_ENERGY))
        root = do.rounded(do.square_root(energy))
        total = do.plus(_shifted(do, do.sum(root, axes.channel), constants.sum_shift), 1)
        reciprocal = do.rounded(do.divide(do.number(constants.numerator / 4), total))
        moved = do.multiply(root, do.times(reciprocal, 2.0**-constants.reciprocal_shift))
        scale = do.times(do.plus(do.floor(moved), constants.offset), 2.0**-constants.fraction)
        return do.plus(do.multiply(x, scale), constants.bias * 2.0 ** -(constants.fraction + 1))

    def settle(self, scales: Scales) -> None:
        """Give the inputs one unit and small integers as scales, the output a unit of its own.

        Of the scales that keep every sum exact, those are taken that lose least. An input that an earlier norm gives,
        which alone has a unit by now, takes one that a norm's output may have.

        Raises:
            UserError: another operation relies on the scale of an input, or the map has too many frames.
        """
        settled, shape = scales.settled, scales.shapes[self.output]
        if taken := [name for name in self.inputs if scales.bound(name)]:
            raise UserError(
                f"{self.output} norms {taken[0]}, whose scale others rely on: put a convolution between them"
            )
        given = [settled[name] for name in self.inputs]
        found = min(filter(None, (_in_steps(given, steps, shape) for steps in _choices(given))), default=None)
        if found is None:
            raise UserError(f"{self.output} norms {shape[2]} frames: the INT8 program norms fewer, give shorter clips")
        _, unit, steps = found
        for name, step in zip(self.inputs, steps, strict=True):
            scales.change(name, rescaled(settled[name], step, unit))
        scales.bind(*self.inputs)
        scales.change(self.output, replace(settled[self.output], scale=1.0, unit=settled[self.output].step))
        largest = scales.ranges[self.energy].high / unit**2
        shift = energy_shift(largest, _reach([settled[name] for name in self.inputs]), shape)
        scales.change(self.energy, Quantization(2.0**shift, 0, unit**2))

    def quantized(self, quantizations: Quantizations, shapes: Shapes) -> Self:
        given, output = [quantizations[name] for name in self.inputs], quantizations[self.output]
        fit = {found.scale for found in given} <= {*INPUT_SCALES} and output.scale in OUTPUT_SCALES
        if len({found.unit for found in given}) > 1 or not fit:
            raise UserError(f"{self.output} norms values in scales that were not settled for it: assign them anew")
        shape = shapes[self.output]
        if not sums_are_exact(_reach(given), shape, quantizations[self.energy].scale):
            raise UserError(f"{self.output} sums more than 2^24, which float32 would not hold exactly")
        given, energy = given[0], quantizations[self.energy]
        found = integers(
            self.output, shape[0], gamma=self.gamma, beta=self.beta, given=given, energy=energy, output=output
        )
        return replace(self, integers=found)


@torch.library.custom_op("tinyasc::response_norm", mutates_args=())
def _response_norm(x: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Only its shape is asked for; the network computes its norms itself."""
    raise NotImplementedError


@_response_norm.register_fake
def _(x: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor, epsilon: float) -> torch.Tensor:
    return torch.empty_like(x)


class _Whole(nn.Module):
    """(B, C, F, T) -> same shape."""

    def __init__(self, norm: GlobalResponseNorm) -> None:
        super().__init__()
        self.gamma, self.beta, self.epsilon = norm.gamma, norm.beta, norm.epsilon

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _response_norm(x, self.gamma, self.beta, self.epsilon)


@leaf("tinyasc.response_norm.default")
def _keep_whole(network: nn.Module) -> None:
    """Make one operation of every global response norm of a network that is to be exported, in place."""
    for name, layer in list(network.named_modules()):
        if isinstance(layer, GlobalResponseNorm):
            network.set_submodule(name, _Whole(layer))


@lowers("tinyasc.response_norm.default", channels=each_channel)
def _lower(lowering: Lowering, node: Node) -> str:
    """With the addition right before it, when nothing else needs the sum."""
    given: tuple[Any, ...] = node.args
    source, gamma, beta, epsilon = given
    inputs: tuple[str, ...] = (lowering.name_of[source],)
    before = lowering.operations[-1] if lowering.operations else None
    alone = sum(user.op == "call_function" for user in source.users) == 1
    if isinstance(before, Addition) and before.output == inputs[0] and alone and not before.relu:
        inputs = before.inputs
        del lowering.values[lowering.operations.pop().output]
    energy = f"{node.name}/energy"
    gamma, beta = (lowering.tensors[scalar.name].item() for scalar in (gamma, beta))
    name = lowering.emit(node, ResponseNorm(inputs, node.name, energy, gamma, beta, epsilon, False, None))
    lowering.values[energy] = Value(energy, lowering.values[name].shape[:1])
    return name


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


def _shifted(do: Arithmetic, integer: Tensor, shift: int) -> Tensor:
    return do.floor(do.times(integer, 2.0**-shift)) if shift else integer
