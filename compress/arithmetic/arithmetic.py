"""The float32 operators that a front-end, a norm or a movement of numbers is made of, in the words of no runtime.

An executor computes them at once, a writer adds them to the graph of a file. Channels lie first in torch and ONNX, last
in NumPy and TFLite.

Shapes: O output channels, C input channels, F mel bands, T frames.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Axes:
    """Numbers of the axes, the batch being 0."""

    channel: int
    frequency: int
    time: int

    @property
    def places(self) -> tuple[int, int, int]:
        """Which axis each of (C, F, T) is."""
        return self.channel, self.frequency, self.time

    def per_channel(self, count: int) -> tuple[int, ...]:
        """The shape of one number per channel, broadcast over a map; of one for all channels, (1,)."""
        return tuple(count if axis == self.channel else 1 for axis in range(4)) if count > 1 else (1,)


CHANNELS_FIRST = Axes(channel=1, frequency=2, time=3)
CHANNELS_LAST = Axes(channel=3, frequency=1, time=2)


@dataclass(frozen=True)
class Geometry:
    """All of a convolution but its numbers; pairs are of F and T."""

    stride: tuple[int, int]
    padding: tuple[int, int]
    """Zeros on either side."""
    dilation: tuple[int, int]
    """From one weight to the next."""
    groups: int
    """Of channels."""

    def depthwise(self, weight: tuple[int, ...]) -> bool:
        """Whether each group of these weights (O, C / groups, kernel F, kernel T) is one input channel."""
        return self.groups > 1 and weight[1] == 1

    def size(self, given: tuple[int, ...], weight: tuple[int, ...]) -> tuple[int, int]:
        """F and T of what these weights (O, C / groups, kernel F, kernel T) make of the F and T given."""
        axes = zip(given, weight[2:], self.stride, self.padding, self.dilation, strict=True)
        frequencies, frames = (
            (length + 2 * zeros - apart * (width - 1) - 1) // step + 1 for length, width, step, zeros, apart in axes
        )
        return frequencies, frames


Kind = Literal[
    "add",
    "subtract",
    "multiply",
    "divide",
    "minimum",
    "maximum",
    "log",
    "exponential",
    "logistic",
    "floor",
    "square_root",
    "relu",
]
Reduction = Literal["sum", "mean", "largest"]


@dataclass(frozen=True)
class Tensor:
    """A float32 tensor."""

    key: Any
    """The array or tensor itself; in a graph what it is called there, a number in a .tflite, a name in an .onnx."""
    shape: tuple[int, ...]


def tensors(values: Sequence[Any]) -> list[Tensor]:
    """Of arrays, or of torch's tensors, as the executors take them."""
    return [Tensor(value, tuple(value.shape)) for value in values]


class Arithmetic(ABC):
    """Each method returns the tensor that its operator fills."""

    @abstractmethod
    def constant(self, values: NDArray[Any]) -> Tensor:
        """A tensor with data."""

    def number(self, value: float) -> Tensor:
        """A tensor of one number, (1,)."""
        return self.constant(np.array([value], np.float32))

    def plus(self, source: Tensor, number: float) -> Tensor:
        """source + number."""
        return self.add(source, self.number(number))

    def times(self, source: Tensor, number: float) -> Tensor:
        """source * number."""
        return self.multiply(source, self.number(number))

    def rounded(self, source: Tensor) -> Tensor:
        """floor(source + 1/2), the nearest integer: not every kernel family has ROUND."""
        return self.floor(self.plus(source, 0.5))

    def add(self, left: Tensor, right: Tensor) -> Tensor:
        """left + right, broadcast."""
        return self._elementwise("add", left, right)

    def subtract(self, left: Tensor, right: Tensor) -> Tensor:
        """left - right, broadcast."""
        return self._elementwise("subtract", left, right)

    def multiply(self, left: Tensor, right: Tensor) -> Tensor:
        """left * right, broadcast."""
        return self._elementwise("multiply", left, right)

    def divide(self, left: Tensor, right: Tensor) -> Tensor:
        """left / right, broadcast."""
        return self._elementwise("divide", left, right)

    def log(self, source: Tensor) -> Tensor:
        """Natural logarithm."""
        return self._elementwise("log", source)

    def minimum(self, left: Tensor, right: Tensor) -> Tensor:
        """The smaller of left and right, broadcast."""
        return self._elementwise("minimum", left, right)

    def maximum(self, left: Tensor, right: Tensor) -> Tensor:
        """The larger of left and right, broadcast."""
        return self._elementwise("maximum", left, right)

    def exponential(self, source: Tensor) -> Tensor:
        """e to the power of source."""
        return self._elementwise("exponential", source)

    def logistic(self, source: Tensor) -> Tensor:
        """1 / (1 + e to the power of -source)."""
        return self._elementwise("logistic", source)

    def floor(self, source: Tensor) -> Tensor:
        """The next integer at or below."""
        return self._elementwise("floor", source)

    def square_root(self, source: Tensor) -> Tensor:
        """Square root."""
        return self._elementwise("square_root", source)

    def relu(self, source: Tensor) -> Tensor:
        """The larger of source and 0."""
        return self._elementwise("relu", source)

    def sum(self, source: Tensor, *axes: int) -> Tensor:
        """Sum over axes, which stay with length 1."""
        return self._along("sum", source, axes)

    def mean(self, source: Tensor, *axes: int) -> Tensor:
        """Mean over axes, which stay with length 1."""
        return self._along("mean", source, axes)

    def largest(self, source: Tensor, *axes: int) -> Tensor:
        """The largest along axes, which stay with length 1."""
        return self._along("largest", source, axes)

    def narrow(self, source: Tensor, axis: int, start: int, length: int) -> Tensor:
        """`length` neighbours of an axis, from `start` on; the tensor itself where that is all of it."""
        if length == source.shape[axis]:
            return source
        shape = (*source.shape[:axis], length, *source.shape[axis + 1 :])
        return self._narrow(source, axis, start, shape)

    def concatenate(self, parts: Sequence[Tensor], axis: int) -> Tensor:
        """The parts one behind the other along an axis."""
        if len(parts) == 1:
            return parts[0]
        length = sum(part.shape[axis] for part in parts)
        return self._concatenate(parts, axis, (*parts[0].shape[:axis], length, *parts[0].shape[axis + 1 :]))

    def reshape(self, source: Tensor, shape: tuple[int, ...]) -> Tensor:
        """The same numbers in the same order; -1 stands for the length that is left."""
        if -1 not in shape:
            return self._reshape(source, shape, shape)
        rest = prod(source.shape) // prod(length for length in shape if length != -1)
        return self._reshape(source, shape, tuple(rest if length == -1 else length for length in shape))

    @abstractmethod
    def transpose(self, source: Tensor, permutation: tuple[int, ...]) -> Tensor:
        """Axis i of the result is axis permutation[i] of the source."""

    @abstractmethod
    def pad_bands(self, source: Tensor, rows: int) -> Tensor:
        """A map with `rows` zeros before its first band and behind its last."""

    @abstractmethod
    def max_pool(self, source: Tensor, kernel: tuple[int, int], stride: tuple[int, int]) -> Tensor:
        """The largest of each window of F and T of a map; what does not fill one at the end is left out."""

    def matmul(self, left: Tensor, right: Tensor) -> Tensor:
        """(..., M, K) times (..., K, N), giving (..., M, N)."""
        return self._matmul(left, right, (*left.shape[:-1], right.shape[-1]))

    def matrix_times(self, matrix: NDArray[Any], source: Tensor) -> Tensor:
        """A constant (M, K) times (..., K, N), giving (..., M, N)."""
        return self._matmul(self.constant(matrix), source, (*source.shape[:-2], len(matrix), source.shape[-1]))

    def times_matrix(self, source: Tensor, matrix: NDArray[Any]) -> Tensor:
        """(..., K) times a constant (K, N), giving (..., N)."""
        return self.matmul(source, self.constant(matrix))

    @abstractmethod
    def convolve(
        self, source: Tensor, weight: NDArray[np.int8], bias: NDArray[Any] | None, geometry: Geometry
    ) -> Tensor:
        """2-D convolution of integers by integers, which files store as int8: exact where every sum is.

        Args:
            source: a map, its axes where the executor or the format has them (`compress.arithmetic.arithmetic`).
            weight: (O, C / groups, kernel F, kernel T).
            bias: (O,).
            geometry: of the convolution.
        """

    def _elementwise(self, kind: Kind, *inputs: Tensor) -> Tensor:
        return self._plain(kind, inputs, _broadcast([tensor.shape for tensor in inputs]))

    def _along(self, kind: Reduction, source: Tensor, axes: tuple[int, ...]) -> Tensor:
        shape = tuple(1 if axis in axes else length for axis, length in enumerate(source.shape))
        return self._reduce(kind, source, axes, shape)

    @abstractmethod
    def _plain(self, kind: Kind, inputs: Sequence[Tensor], shape: tuple[int, ...]) -> Tensor: ...

    @abstractmethod
    def _reduce(self, kind: Reduction, source: Tensor, axes: tuple[int, ...], shape: tuple[int, ...]) -> Tensor: ...

    @abstractmethod
    def _reshape(self, source: Tensor, asked: tuple[int, ...], shape: tuple[int, ...]) -> Tensor: ...

    @abstractmethod
    def _narrow(self, source: Tensor, axis: int, start: int, shape: tuple[int, ...]) -> Tensor: ...

    @abstractmethod
    def _concatenate(self, parts: Sequence[Tensor], axis: int, shape: tuple[int, ...]) -> Tensor: ...

    @abstractmethod
    def _matmul(self, left: Tensor, right: Tensor, shape: tuple[int, ...]) -> Tensor: ...


def _broadcast(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """NumPy's rule; not by NumPy, which would fix a number of clips that torch's export leaves open."""
    axes = max(map(len, shapes))
    lengths = zip(*((1,) * (axes - len(shape)) + shape for shape in shapes), strict=True)
    return tuple(next((length for length in axis if length != 1), 1) for axis in lengths)
