"""Attention of the pixels of a map that have the same place in their patches (Vaswani et al. 2017, arXiv:1706.03762;
over patches as in MobileViT, Mehta and Rastegari 2022): y = softmax(q k' / sqrt(D)) v, in several heads.

Queries, keys and values come as maps, and so does the result, so that the layers around it are 1x1 convolutions. Its
arithmetic in integers, and why every runtime computes it to the same bits:

With q, k, v the integers of queries, keys and values (less their zero points; v has none), D numbers a head, N
positions that attend to each other, and the constants below:

    S   = 2^-exponent sum_D q k            the scores; the scales of q and k are such that this is their real size
    t   = floor(e^(S - max_N S) top)       the weights, not normalized; 0 <= t <= top, 28 <= top < 2^10
    A   = sum_N t v,   W = sum_N t
    R_0 = floor(numerator / 4 / W + 1/2)                   2^19 / W
    R_1 = 2^5 R_0 + floor(2^-14 R_0 (2^19 - W R_0))        2^24 / W
    R_2 = 2^4 R_1 + floor(2^-20 R_1 (2^24 - W R_1))        2^28 / W
    y   = clamp(round(A * (R_2 * factor)) + z_y)

No kernel has this, so the files spell it in float32 operators. Float32 holds every integer up to 2^24, and:

1.  Scores. D 255^2 <= 2^23 (checked): sums and differences of scores are integers times 2^-exponent, exact.
2.  Weights. The exponent's argument is one of the multiples of 2^-exponent, of which some ten thousand have a weight
    above zero. `top` is chosen so that none of their real weights is within 4.2e-7 of its size from an integer: a
    runtime's exponential may err by 3 * 2^-23, and its product with `top` is rounded once.
3.  Sums. N top 128 <= 2^24 (checked): A and W are exact in whatever order they are taken.
4.  Reciprocal. The numerator is odd and below 2^21: R_0 is as in `response_norm_integers`, 3. Two steps of Newton's
    iteration follow, since W may be large and R_0 then has few bits. W R_0 <= 2^19 + W / 2; W R_1 <= 2^24, because
    the iteration comes from below; both are exact. R_1 (2^24 - W R_1) may be rounded, but is one product of two numbers
    that all runtimes have, which IEEE 754 fixes, and a floor follows. So is the last product of all, which is then
    quantized at scale 1: rounded half to even in every runtime.

Shapes: B batch, C = H D channels, F mel bands, T frames, H heads of D channels, P x P patches of N in the map.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Self

import numpy as np
from torch.fx import Node

from compress.arithmetic.arithmetic import CHANNELS_FIRST, Arithmetic, Axes, Tensor
from compress.lowering.graph import Lowering, lowers
from compress.operations.formula import Formula
from compress.operations.operation import Quantizations, Shapes
from compress.operations.response_norm_integers import LARGEST_NUMERATOR
from compress.operations.scales import Scales
from compress.operations.weights import EXACT_FLOAT32
from compress.quantization import INT8_MAX, INT8_MIN, Quantization, quantized_part, rescaled
from tinyasc.errors import UserError
from tinyasc.models.layers.transformer import PATCH

NUMERATOR = LARGEST_NUMERATOR - 1
MOST_EXPONENT = 12
"""Finer scores would have so many weights that one of them is always near an integer; 2^-12 is fine enough."""
LARGEST_WEIGHT = 2**10
LEAST_LIMIT = 2**5
"""With fewer the weights would be coarse, and R_2 not below 2^24."""
RELATIVE_ERROR = 3 * 2.0**-23 + 2.0**-24
MOST_TRIES = 8192


def largest_weight(positions: int) -> int:
    """The limit of `top` for N positions."""
    return min(LARGEST_WEIGHT, EXACT_FLOAT32 // (positions * -INT8_MIN))


def scores_are_exact(numbers: int) -> bool:
    """Whether float32 holds every difference of two sums of D products."""
    return 2 * numbers * (INT8_MAX - INT8_MIN) ** 2 <= EXACT_FLOAT32


@lru_cache
def top(exponent: int, limit: int) -> float:
    """The largest weight, a little below `limit`, for which no weight's real size is near an integer.

    Raises:
        UserError: none of many is so.
    """
    scores = np.arange(int(np.log(limit) * 2.0**exponent) + 2) * 2.0**-exponent
    weights = np.exp(-scores)
    for tried in range(1, MOST_TRIES):  # to 94 % of the limit
        found = float(np.float32(limit * (1 - tried * 2.0**-17)))
        real = found * weights
        if (np.abs(real - np.rint(real)) > RELATIVE_ERROR * np.maximum(real, 1)).all():
            return found
    raise UserError(f"no weights of attention are clear of ties at scores of 2^-{exponent}: quantize it more coarsely")


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
        largest, factor = (quantized_part(self.output, part) for part in (self.top, self.factor))
        queries, keys, values = self._sequences(do, inputs, axes)
        scores = do.matmul(queries, keys)
        last = len(scores.shape) - 1
        below = do.subtract(scores, do.largest(scores, last))
        weights = do.floor(do.times(do.exponential(below), largest))
        total = do.sum(weights, last)
        reciprocal = do.rounded(do.divide(do.number(NUMERATOR / 4), total))
        for bits, more, shift in ((19, 5, 14), (24, 4, 20)):
            left = do.subtract(do.number(2**bits), do.multiply(total, reciprocal))
            change = do.floor(do.times(do.multiply(reciprocal, left), 2.0**-shift))
            reciprocal = do.add(do.times(reciprocal, 2**more), change)
        sums = do.matmul(weights, values)
        return self._map(do, do.multiply(sums, do.times(reciprocal, factor)), inputs[0].shape, axes)

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
