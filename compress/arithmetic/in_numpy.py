"""Float32 operators in NumPy: what the integer simulator computes with.

Shapes: B batch, C channels, F mel bands, T frames, O output channels.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.arithmetic.arithmetic import Arithmetic, Geometry, Kind, Reduction, Tensor

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

    def _reshape(self, source: Tensor, asked: tuple[int, ...], shape: tuple[int, ...]) -> Tensor:
        return Tensor(source.key.reshape(shape), shape)

    def transpose(self, source: Tensor, permutation: tuple[int, ...]) -> Tensor:
        return Tensor(source.key.transpose(permutation), tuple(source.shape[axis] for axis in permutation))

    def pad_bands(self, source: Tensor, rows: int) -> Tensor:
        padded = np.pad(source.key, ((0, 0), (rows, rows), (0, 0), (0, 0)))
        return Tensor(padded, padded.shape)

    def max_pool(self, source: Tensor, kernel: tuple[int, int], stride: tuple[int, int]) -> Tensor:
        value, (step_f, step_t) = source.key, stride
        bands, frames = ((value.shape[axis + 1] - kernel[axis]) // stride[axis] + 1 for axis in (0, 1))
        result = value[:, : bands * step_f : step_f, : frames * step_t : step_t]
        for i, j in np.ndindex(kernel):
            result = np.maximum(result, value[:, i : i + bands * step_f : step_f, j : j + frames * step_t : step_t])
        return Tensor(result, result.shape)

    def convolve(
        self, source: Tensor, weight: NDArray[np.int8], bias: NDArray[Any] | None, geometry: Geometry
    ) -> Tensor:
        (pad_f, pad_t), (step_f, step_t), (apart_f, apart_t) = geometry.padding, geometry.stride, geometry.dilation
        padded = np.pad(source.key, ((0, 0), (pad_f, pad_f), (pad_t, pad_t), (0, 0)))
        frequencies, frames = geometry.size(source.shape[1:3], weight.shape)
        shape = (len(padded), frequencies, frames, len(weight))
        total = np.zeros(shape, padded.dtype)
        for i, j in np.ndindex(weight.shape[2:]):
            rows = slice(i * apart_f, i * apart_f + frequencies * step_f, step_f)
            columns = slice(j * apart_t, j * apart_t + frames * step_t, step_t)
            total += _tap(padded[:, rows, columns], weight[:, :, i, j].astype(padded.dtype), geometry)
        return Tensor(total if bias is None else total + bias.astype(padded.dtype), shape)

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


def _tap(window: NDArray[Any], weight: NDArray[Any], geometry: Geometry) -> NDArray[Any]:
    """The products with the weights (O, C / groups) of one place in the kernel: (B, F, T, C) -> (B, F, T, O)."""
    groups = geometry.groups
    if geometry.depthwise(weight.shape):
        return np.repeat(window, len(weight) // groups, axis=3) * weight[:, 0]
    parts = zip(np.split(window, groups, axis=3), np.split(weight, groups), strict=True)
    return np.concatenate([part @ tap.T for part, tap in parts], axis=3)
