"""Attention of the pixels of a map that have the same place in their patches (Vaswani et al. 2017, arXiv:1706.03762;
over patches as in MobileViT, Mehta and Rastegari 2022): y = softmax(q k' / sqrt(D)) v, in several heads.

Queries, keys and values come as maps, and so does the result, so that the layers around it are 1x1 convolutions. The
INT8 form is `attention_integers`.

Shapes: B batch, C = H D channels, F mel bands, T frames, H heads of D channels, P x P patches of N in the map.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from torch.fx import Node

from compress.arithmetic.arithmetic import Arithmetic, Tensor
from compress.arithmetic.geometry import CHANNELS_FIRST, Axes
from compress.lowering.graph import Lowering, lowers
from compress.operations.attention_integers import (
    LEAST_LIMIT,
    MOST_EXPONENT,
    NUMERATOR,
    largest_weight,
    scores_are_exact,
    top,
)
from compress.operations.formula import Formula
from compress.operations.operation import Quantizations, Shapes
from compress.operations.scales import Scales
from compress.quantization import INT8_MAX, Quantization, rescaled
from tinyasc.errors import UserError
from tinyasc.models.layers.transformer import PATCH


@dataclass(frozen=True)
class Attention(Formula, kind="attention"):
    """All heads over the whole map."""

    inputs: tuple[str, str, str]
    """Queries, keys, values."""
    output: str
    heads: int
    patch: int
    """P."""
    top: float | None
    """The largest weight before they are normalized; None in a float program."""
    factor: float | None
    """Real size of a value over that of the output, times 2^-28."""

    def float_formula(
        self, do: Arithmetic, inputs: Sequence[Tensor], parameters: Mapping[str, Tensor], axes: Axes
    ) -> dict[str, Tensor]:
        numbers = inputs[0].shape[axes.channel] // self.heads
        queries, keys, values = self._sequences(do, inputs, axes)
        scores = do.times(do.matmul(queries, keys), numbers**-0.5)
        weights = do.exponential(do.subtract(scores, do.largest(scores, len(scores.shape) - 1)))
        weights = do.divide(weights, do.sum(weights, len(scores.shape) - 1))
        return {self.output: self._map(do, do.matmul(weights, values), inputs[0].shape, axes)}

    def int8_formula(self, do: Arithmetic, inputs: Sequence[Tensor], axes: Axes) -> Tensor:
        if self.top is None or self.factor is None:
            raise ValueError(f"{self.output} is not quantized: an INT8 program is needed")
        queries, keys, values = self._sequences(do, inputs, axes)
        scores = do.matmul(queries, keys)
        last = len(scores.shape) - 1
        below = do.subtract(scores, do.largest(scores, last))
        weights = do.floor(do.times(do.exponential(below), self.top))
        total = do.sum(weights, last)
        reciprocal = do.rounded(do.divide(do.number(NUMERATOR / 4), total))
        for bits, more, shift in ((19, 5, 14), (24, 4, 20)):
            left = do.subtract(do.number(2**bits), do.multiply(total, reciprocal))
            change = do.floor(do.times(do.multiply(reciprocal, left), 2.0**-shift))
            reciprocal = do.add(do.times(reciprocal, 2**more), change)
        sums = do.matmul(weights, values)
        return self._map(do, do.multiply(sums, do.times(reciprocal, self.factor)), inputs[0].shape, axes)

    def settle(self, scales: Scales) -> None:
        """Give queries and keys scales whose product is a power of two, the values no zero point, all of them units.

        Raises:
            UserError: another operation relies on one of the three.
        """
        if taken := [name for name in self.inputs if scales.bound(name)]:
            raise UserError(
                f"{self.output} attends to {taken[0]}, whose scale others rely on: put a convolution between them"
            )
        queries, keys, values = self.inputs
        channels = scales.shapes[queries][0]
        product = scales.step(queries) * scales.step(keys) * (channels // self.heads) ** -0.5
        exponent = min(MOST_EXPONENT, int(np.floor(-np.log2(product))))
        wider = np.sqrt(2.0**-exponent / product)
        for name, scale in ((queries, 2.0**-exponent), (keys, 1.0)):
            found = scales.settled[name]
            scales.change(name, rescaled(found, scale, found.step * wider / scale))
        found = scales.settled[values]
        scales.change(values, Quantization(1.0, 0, found.step * found.reach / INT8_MAX))
        found = scales.settled[self.output]
        scales.change(self.output, replace(found, scale=1.0, unit=found.step))
        scales.bind(*self.inputs)
        scales.bind(self.output)

    def quantized(self, quantizations: Quantizations, shapes: Shapes) -> Self:
        queries, keys, values = (quantizations[name] for name in self.inputs)
        channels, bands, frames = shapes[self.inputs[0]]
        exponent, positions = -np.log2(queries.scale), bands * frames // self.patch**2
        if exponent != int(exponent) or keys.scale != 1 or (values.scale, values.zero_point) != (1, 0):
            raise UserError(f"{self.output} attends in scales that were not settled for it: assign them anew")
        limit = largest_weight(positions)
        if not scores_are_exact(channels // self.heads) or limit < LEAST_LIMIT:
            raise UserError(
                f"{self.output} attends over {positions} positions of {channels} channels: too many for INT8"
            )
        factor = float(np.float32(values.step / quantizations[self.output].step * 2.0**-28))
        return replace(self, top=top(int(exponent), limit), factor=factor)

    def _sequences(self, do: Arithmetic, maps: Sequence[Tensor], axes: Axes) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (..., N, D), keys (..., D, N) and values (..., N, D)."""
        queries, keys, values = maps
        return (
            self._sequence(do, queries, axes),
            self._sequence(do, keys, axes, transposed=True),
            self._sequence(do, values, axes),
        )

    def _sequence(self, do: Arithmetic, x: Tensor, axes: Axes, transposed: bool = False) -> Tensor:
        rows, columns, side = x.shape[axes.frequency] // self.patch, x.shape[axes.time] // self.patch, self.patch
        numbers = x.shape[axes.channel] // self.heads
        if axes == CHANNELS_FIRST:
            x = do.reshape(x, (x.shape[0] * self.heads, numbers, rows, side, columns, side))
            x = do.transpose(x, (0, 3, 5, 1, 2, 4) if transposed else (0, 3, 5, 2, 4, 1))
            last = (numbers, rows * columns) if transposed else (rows * columns, numbers)
            return do.reshape(x, (x.shape[0], side * side, *last))
        # no more than four axes, as far as the kernels of small devices go
        x = do.reshape(x, (x.shape[0], rows, side, columns * side * x.shape[3]))
        x = do.transpose(x, (0, 2, 1, 3))
        x = do.reshape(x, (x.shape[0] * side, rows * columns, side * self.heads, numbers))
        return do.transpose(x, (0, 2, 3, 1) if transposed else (0, 2, 1, 3))

    def _map(self, do: Arithmetic, x: Tensor, shape: tuple[int, ...], axes: Axes) -> Tensor:
        """(..., N, D) back to a map of this shape."""
        rows, columns, side = shape[axes.frequency] // self.patch, shape[axes.time] // self.patch, self.patch
        if axes == CHANNELS_FIRST:
            x = do.reshape(x, (shape[0] * self.heads, side, side, rows, columns, x.shape[-1]))
            return do.reshape(do.transpose(x, (0, 5, 3, 1, 4, 2)), shape)
        x = do.transpose(x, (0, 2, 1, 3))
        x = do.reshape(x, (shape[0], side, rows, columns * side * shape[3]))
        return do.reshape(do.transpose(x, (0, 2, 1, 3)), shape)


@lowers("tinyasc.attention.default")
def _lower(lowering: Lowering, node: Node) -> str:
    given: tuple[Any, ...] = node.args
    *sources, heads = given
    queries, keys, values = (lowering.name_of[source] for source in sources)
    return lowering.emit(node, Attention((queries, keys, values), node.name, heads, PATCH, None, None))
