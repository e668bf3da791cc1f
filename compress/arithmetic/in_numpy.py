"""Float32 operators in NumPy: what the integer simulator computes with."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.arithmetic.arithmetic import Arithmetic, Kind, Reduction, Tensor

_PLAIN: dict[Kind, Callable[..., NDArray[Any]]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "minimum": np.minimum,
    "maximum": np.maximum,
    "log": np.log,
    "exponential": np.exp,
    "logistic": lambda x: 1 / (1 + np.exp(-np.maximum(x, -80))),  # below it float32 has no e^-x
    "floor": np.floor,
    "square_root": np.sqrt,
    "relu": lambda x: np.maximum(x, 0),
}
_REDUCTIONS: dict[Reduction, Callable[..., NDArray[Any]]] = {"sum": np.sum, "mean": np.mean, "largest": np.max}


class NumpyArithmetic(Arithmetic):
    """Computes at once; a tensor's key is its array."""

    def constant(self, values: NDArray[Any]) -> Tensor:
        return Tensor(values, values.shape)

    def reshape(self, source: Tensor, shape: tuple[int, ...]) -> Tensor:
        return Tensor(source.key.reshape(shape), shape)

    def transpose(self, source: Tensor, permutation: tuple[int, ...]) -> Tensor:
        return Tensor(source.key.transpose(permutation), tuple(source.shape[axis] for axis in permutation))

    def _plain(self, kind: Kind, inputs: Sequence[Tensor], shape: tuple[int, ...]) -> Tensor:
        return Tensor(_PLAIN[kind](*(tensor.key for tensor in inputs)), shape)

    def _reduce(self, kind: Reduction, source: Tensor, axes: tuple[int, ...], shape: tuple[int, ...]) -> Tensor:
        return Tensor(_REDUCTIONS[kind](source.key, axis=axes, keepdims=True), shape)

    def _narrow(self, source: Tensor, axis: int, start: int, shape: tuple[int, ...]) -> Tensor:
        return Tensor(source.key.take(range(start, start + shape[axis]), axis), shape)

    def _concatenate(self, parts: Sequence[Tensor], axis: int, shape: tuple[int, ...]) -> Tensor:
        return Tensor(np.concatenate([part.key for part in parts], axis), shape)

    def _matmul(self, left: Tensor, right: Tensor, shape: tuple[int, ...]) -> Tensor:
        return Tensor(left.key @ right.key, shape)
