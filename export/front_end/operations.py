"""The operators that a front-end is made of, in the words of no format; one writer for .tflite, one for .onnx."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["add", "subtract", "multiply", "divide", "log"]


@dataclass(frozen=True)
class Tensor:
    """A float32 tensor of a graph."""

    key: Any
    """What the graph calls it: its number in a .tflite, its name in an .onnx."""
    shape: tuple[int, ...]


class Operations(ABC):
    """Adds operators to a graph; each method returns the tensor that its operator fills."""

    @abstractmethod
    def constant(self, values: NDArray[Any]) -> Tensor:
        """A tensor with data."""

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

    @abstractmethod
    def reshape(self, source: Tensor, shape: tuple[int, ...]) -> Tensor:
        """The same numbers in the same order."""

    @abstractmethod
    def transpose(self, source: Tensor, permutation: tuple[int, ...]) -> Tensor:
        """Axis i of the result is axis permutation[i] of the source."""

    @abstractmethod
    def matrix_times(self, matrix: NDArray[Any], source: Tensor) -> Tensor:
        """A constant (M, K) times (..., K, N), giving (..., M, N)."""

    @abstractmethod
    def times_matrix(self, source: Tensor, matrix: NDArray[Any]) -> Tensor:
        """(..., K) times a constant (K, N), giving (..., N)."""

    def _elementwise(self, kind: Kind, *inputs: Tensor) -> Tensor:
        return self._plain(kind, inputs, np.broadcast_shapes(*(tensor.shape for tensor in inputs)))

    @abstractmethod
    def _plain(self, kind: Kind, inputs: Sequence[Tensor], shape: tuple[int, ...]) -> Tensor: ...

    @abstractmethod
    def _narrow(self, source: Tensor, axis: int, start: int, shape: tuple[int, ...]) -> Tensor: ...

    @abstractmethod
    def _concatenate(self, parts: Sequence[Tensor], axis: int, shape: tuple[int, ...]) -> Tensor: ...
