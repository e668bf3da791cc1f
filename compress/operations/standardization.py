"""Standardization with statistics of the input itself: y = share x + gain (x - mean) / sqrt(variance + epsilon) + bias.

Over the channels and frames of each band it is residual normalization (Kim et al. 2021; share 0.1, gain 1), adaptive
where they are learned per channel (Cai et al. 2023); over the channels of each point it is layer normalization (Ba et
al. 2016, arXiv:1607.06450; share 0). The INT8 form is `standardization_integers`.

Shapes: B batch, C channels, F mel bands, T frames.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.fx import Node

from compress.arithmetic.arithmetic import Arithmetic, Axes, Tensor
from compress.lowering.graph import Lowering, leaf, lowers
from compress.operations.formula import Formula
from compress.operations.operation import OneInput, Quantizations, Shapes, Value
from compress.operations.response_norm_integers import LARGEST_ENERGY
from compress.operations.scales import Scales
from compress.operations.standardization_integers import NUMERATOR, StandardizationIntegers, integers, sum_shift
from compress.quantization import INT8_MAX, INT8_MIN, Quantization, quantized_part
from tinyasc.models.layers.norms import AdaptiveResidualNorm, ResidualNorm

CHANNEL, FREQUENCY, TIME = "channel", "frequency", "time"
INSTANCE_EPSILON = 1e-5
"""torch's own, for instance normalization."""


@dataclass(frozen=True)
class Standardization(OneInput, Formula, kind="standardization"):
    """Each statistic is over the channels and the further axes that are named."""

    input: str
    output: str
    variance: str
    """Inside: without `epsilon`."""
    over: tuple[str, ...]
    """CHANNEL, and perhaps TIME and FREQUENCY."""
    share: NDArray[Any]
    """(1,) or (C,), as the next two."""
    gain: NDArray[Any]
    bias: NDArray[Any]
    trained: tuple[str, ...]
    """Which of these three training changes."""
    epsilon: float
    integers: StandardizationIntegers | None
    """None in a float program."""

    def __post_init__(self) -> None:
        if isinstance(self.integers, dict):  # JSON knows no other
            object.__setattr__(self, "integers", StandardizationIntegers(**self.integers))

    @property
    def inside(self) -> tuple[str, ...]:
        return (self.variance,)

    @property
    def parameters(self) -> dict[str, NDArray[Any]]:
        return {name: getattr(self, name) for name in self.trained}

    def with_parameters(self, parameters: Mapping[str, NDArray[np.float32]]) -> Self:
        return replace(self, **parameters)

    def float_formula(
        self, do: Arithmetic, inputs: Sequence[Tensor], parameters: Mapping[str, Tensor], axes: Axes
    ) -> dict[str, Tensor]:
        (x,), over = inputs, self._axes(axes)
        share, gain, bias = (
            parameters.get(name, do.constant(array.reshape(axes.per_channel(array.size))))
            for name, array in (("share", self.share), ("gain", self.gain), ("bias", self.bias))
        )
        mean = do.mean(x, *over)
        centred = do.subtract(x, mean)
        variance = do.mean(do.multiply(centred, centred), *over)
        slope = do.add(do.divide(gain, do.square_root(do.plus(variance, self.epsilon))), share)
        level = do.add(do.multiply(mean, share), bias)
        return {self.output: do.add(do.multiply(centred, slope), level), self.variance: variance}

    def int8_formula(self, do: Arithmetic, inputs: Sequence[Tensor], axes: Axes) -> Tensor:
        found = quantized_part(self.output, self.integers)
        (x,), over = inputs, self._axes(axes)
        if found.scale != 1:
            x = do.rounded(do.times(x, 1 / found.scale))
        slopes, offsets, biases = (
            do.constant((np.array(values) * factor).astype(np.float32).reshape(axes.per_channel(len(values))))
            for values, factor in ((found.slopes, 1), (found.offsets, 1), (found.biases, 1 / 2))
        )
        count = int(np.prod([x.shape[axis] for axis in over]))
        total = do.sum(x, *over)
        mean = do.times(total, 1 / count)
        squares = do.sum(do.multiply(x, x), axes.channel)
        if found.shift:
            squares = do.floor(do.times(squares, 2.0**-found.shift))
        if len(over) > 1:
            squares = do.sum(squares, *over[1:])
        product = do.floor(do.multiply(total, do.times(mean, 2.0**-found.shift)))
        spread = do.plus(do.subtract(squares, product), found.excess)
        spread = do.minimum(do.maximum(spread, do.number(found.least**2)), do.number(LARGEST_ENERGY))
        reciprocal = do.rounded(do.divide(do.number(NUMERATOR / 4), do.rounded(do.square_root(spread))))
        square = do.times(do.multiply(reciprocal, reciprocal), 2.0**-18)
        left = do.subtract(do.number(3 * 2**20), do.floor(do.multiply(spread, square)))
        reciprocal = do.floor(do.times(do.multiply(reciprocal, left), 2.0**-21))
        slope = do.floor(do.multiply(reciprocal, slopes))
        level = do.subtract(biases, do.floor(do.multiply(slope, mean)))
        unit = 2.0**-found.fraction
        return do.add(do.multiply(x, do.times(do.add(slope, offsets), unit)), do.times(level, unit))

    def settle(self, scales: Scales) -> None:
        """Give the output a scale of 1 and a unit of its own."""
        found = scales.settled[self.output]
        scales.change(self.output, replace(found, scale=1.0, unit=found.step))
        scales.bind(self.output)
        count = self._counts(scales.shapes[self.input])[1]
        largest = count * (scales.ranges[self.variance].high + self.epsilon) / scales.step(self.input) ** 2
        shift = sum_shift(largest, INT8_MAX - INT8_MIN, count)
        scales.change(self.variance, Quantization(2.0**shift, 0))

    def refine(self, scales: Scales) -> None:
        """Give the input, with what is bound to it, a unit in which its own scale is 1: its integers are read at once.

        Otherwise they are found again by a product and a floor.
        """
        scales.relabel(self.input)

    def quantized(self, quantizations: Quantizations, shapes: Shapes) -> Self:
        found = integers(
            self.output,
            counts=self._counts(shapes[self.input]),
            share=self.share,
            gain=self.gain,
            bias=self.bias,
            epsilon=self.epsilon,
            given=quantizations[self.input],
            variance=quantizations[self.variance],
            output=quantizations[self.output],
        )
        return replace(self, integers=found)

    def _axes(self, axes: Axes) -> list[int]:
        return [getattr(axes, name) for name in self.over]

    def _counts(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """C and N of a value (C, F, T)."""
        names = (CHANNEL, FREQUENCY, TIME)
        return shape[0], int(np.prod([shape[names.index(name)] for name in self.over]))


@torch.library.custom_op("tinyasc::standardization", mutates_args=())
def _standardization(
    x: torch.Tensor,
    share: torch.Tensor,
    gain: torch.Tensor,
    bias: torch.Tensor,
    *,
    over: str,
    trained: str,
    epsilon: float,
) -> torch.Tensor:
    """Only its shape is asked for; the network computes its norms itself."""
    raise NotImplementedError


@_standardization.register_fake
def _(x: torch.Tensor, *parts: torch.Tensor, **settings: Any) -> torch.Tensor:
    return torch.empty_like(x)


class Whole(nn.Module):
    """A normalization as one operation: (B, C, F, T) -> same shape."""

    def __init__(
        self,
        parts: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
        *,
        over: tuple[str, ...],
        trained: tuple[str, ...],
        epsilon: float,
    ) -> None:
        """`parts` are share, gain and bias, each of 1 or C numbers."""
        super().__init__()
        for name, part in zip(("share", "gain", "bias"), parts, strict=True):
            self.register_buffer(name, part.detach().float().flatten())
        self.over, self.trained, self.epsilon = " ".join(over), " ".join(trained), epsilon

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _standardization(
            x, self.share, self.gain, self.bias, over=self.over, trained=self.trained, epsilon=self.epsilon
        )


@leaf("tinyasc.standardization.default")
def _keep_whole(network: nn.Module) -> None:
    """Make one operation of every residual normalization of a network that is to be exported, in place."""
    for name, layer in list(network.named_modules()):
        if isinstance(layer, ResidualNorm):
            parts = (torch.tensor(layer.weight), torch.ones(1), torch.zeros(1))
            trained: tuple[str, ...] = ()
        elif isinstance(layer, AdaptiveResidualNorm):
            parts = (layer.gamma * layer.rho, layer.gamma * (1 - layer.rho), layer.beta)
            trained = ("share", "gain", "bias")
        else:
            continue
        whole = Whole(parts, over=(CHANNEL, TIME), trained=trained, epsilon=INSTANCE_EPSILON)
        network.set_submodule(name, whole)


@lowers("tinyasc.standardization.default")
def _lower(lowering: Lowering, node: Node) -> str:
    given: tuple[Any, ...] = node.args
    source, *parts = given
    over, trained = (tuple(str(node.kwargs[key]).split()) for key in ("over", "trained"))
    epsilon: Any = node.kwargs["epsilon"]
    variance = f"{node.name}/variance"
    arrays = [lowering.tensors[part.name].numpy() for part in parts]
    operation = Standardization(
        lowering.name_of[source], node.name, variance, over, *arrays, trained=trained, epsilon=epsilon, integers=None
    )
    name = lowering.emit(node, operation)
    lengths = dict(zip((CHANNEL, FREQUENCY, TIME), lowering.values[name].shape, strict=True))
    shape = tuple(1 if axis in over else length for axis, length in lengths.items())
    lowering.values[variance] = Value(variance, shape)
    return name
