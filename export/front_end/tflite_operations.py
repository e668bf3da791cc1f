"""Float32 operators as TFLite's, each of them one that XNNPACK takes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.front_end.operations import Kind, Operations, Reduction, Tensor
from export.tflite.flatbuffer import vector
from export.tflite.graph import Graph

XNNPACK_PARTS = 4
"""XNNPACK joins up to five tensors; one more, and the operator falls out of the delegated graph."""
_PLAIN: dict[Kind, tuple[str, str | None]] = {
    "add": ("ADD", "AddOptions"),
    "subtract": ("SUB", "SubOptions"),
    "multiply": ("MUL", "MulOptions"),
    "divide": ("DIV", "DivOptions"),
    "minimum": ("MINIMUM", "MaximumMinimumOptions"),
    "log": ("LOG", None),
    "floor": ("FLOOR", None),
    "square_root": ("SQRT", None),
    "relu": ("RELU", None),
}


class TfliteOperations(Operations):
    """Adds to a .tflite graph."""

    def __init__(self, graph: Graph):
        self.graph = graph

    def constant(self, values: NDArray[Any]) -> Tensor:
        return Tensor(self.graph.constant("constant", values), values.shape)

    def reshape(self, source: Tensor, shape: tuple[int, ...]) -> Tensor:
        return self._write("RESHAPE", [source.key, self._vector(shape)], shape, "ReshapeOptions")

    def transpose(self, source: Tensor, permutation: tuple[int, ...]) -> Tensor:
        shape = tuple(source.shape[axis] for axis in permutation)
        return self._write("TRANSPOSE", [source.key, self._vector(permutation)], shape, "TransposeOptions")

    def matrix_times(self, matrix: NDArray[Any], source: Tensor) -> Tensor:
        shape = (*source.shape[:-2], len(matrix), source.shape[-1])
        return self._write("BATCH_MATMUL", [self.constant(matrix).key, source.key], shape, "BatchMatMulOptions")

    def times_matrix(self, source: Tensor, matrix: NDArray[Any]) -> Tensor:
        inputs = [source.key, self.constant(np.ascontiguousarray(matrix.T)).key]
        shape = (*source.shape[:-1], matrix.shape[1])
        return self._write("FULLY_CONNECTED", inputs, shape, "FullyConnectedOptions", KeepNumDims=True)

    def _plain(self, kind: Kind, inputs: Sequence[Tensor], shape: tuple[int, ...]) -> Tensor:
        name, options = _PLAIN[kind]
        return self._write(name, [tensor.key for tensor in inputs], shape, options)

    def _reduce(self, kind: Reduction, source: Tensor, axes: tuple[int, ...], shape: tuple[int, ...]) -> Tensor:
        return self._write(kind.upper(), [source.key, self._vector(axes)], shape, "ReducerOptions", KeepDims=True)

    def _narrow(self, source: Tensor, axis: int, start: int, shape: tuple[int, ...]) -> Tensor:
        begin = tuple(start if place == axis else 0 for place in range(len(shape)))
        return self._write("SLICE", [source.key, self._vector(begin), self._vector(shape)], shape, "SliceOptions")

    def _concatenate(self, parts: Sequence[Tensor], axis: int, shape: tuple[int, ...]) -> Tensor:
        if len(parts) > XNNPACK_PARTS:
            fewer = [self.concatenate(parts[i : i + XNNPACK_PARTS], axis) for i in range(0, len(parts), XNNPACK_PARTS)]
            return self.concatenate(fewer, axis)
        return self._write("CONCATENATION", [part.key for part in parts], shape, "ConcatenationOptions", Axis=axis)

    def _vector(self, values: tuple[int, ...]) -> int:
        return self.graph.constant("vector", vector(*values))

    def _write(
        self, kind: str, inputs: list[int], shape: tuple[int, ...], options: str | None = None, **fields: Any
    ) -> Tensor:
        output = self.graph.activation(kind.lower(), shape, None)
        self.graph.operator(kind, inputs, output, options, **fields)
        return Tensor(output, shape)
