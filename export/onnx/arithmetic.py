"""Float32 operators as ONNX's."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.arithmetic.arithmetic import Arithmetic, Kind, Reduction, Tensor
from compress.arithmetic.geometry import Geometry
from export.onnx.graph import Graph

_PLAIN: dict[Kind, str] = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "minimum": "Min",
    "maximum": "Max",
    "log": "Log",
    "exponential": "Exp",
    "logistic": "Sigmoid",
    "floor": "Floor",
    "square_root": "Sqrt",
    "relu": "Relu",
}
_REDUCTIONS: dict[Reduction, str] = {"sum": "ReduceSum", "mean": "ReduceMean", "largest": "ReduceMax"}


class OnnxArithmetic(Arithmetic):
    """Adds to an .onnx graph; every name begins with `prefix`, so that none is another part's."""

    def __init__(self, graph: Graph, prefix: str = "front_end"):
        self.graph = graph
        self.prefix = prefix
        self._written = 0
        self._names: dict[tuple[Any, ...], str] = {}

    def constant(self, values: NDArray[Any]) -> Tensor:
        key = (values.dtype.str, values.shape, values.tobytes())
        name = self._names.setdefault(key, f"{self.prefix}/constant{len(self._names)}")
        return Tensor(self.graph.constant(name, values), values.shape)

    def reshape(self, source: Tensor, shape: tuple[int, ...]) -> Tensor:
        return self._write("Reshape", [source, self._vector(*shape)], shape)

    def transpose(self, source: Tensor, permutation: tuple[int, ...]) -> Tensor:
        return self._write("Transpose", [source], tuple(source.shape[axis] for axis in permutation), perm=permutation)

    def convolve(
        self, source: Tensor, weight: NDArray[np.int8], bias: NDArray[Any] | None, geometry: Geometry
    ) -> Tensor:
        real = self._write(
            "DequantizeLinear", [self.constant(weight), self.constant(np.array(1, np.float32))], weight.shape
        )
        inputs = [source, real, *([] if bias is None else [self.constant(bias.astype(np.float32))])]
        shape = (source.shape[0], len(weight), *geometry.size(source.shape[2:], weight.shape))
        placed = {"group": geometry.groups, "pads": geometry.padding * 2}
        placed |= {"strides": geometry.stride, "dilations": geometry.dilation}
        result = self._write("Conv", inputs, shape, **placed)
        # a floor changes no integer, and keeps ONNX Runtime from folding what comes behind into the weights
        return self.floor(result)

    def _plain(self, kind: Kind, inputs: Sequence[Tensor], shape: tuple[int, ...]) -> Tensor:
        return self._write(_PLAIN[kind], inputs, shape)

    def _reduce(self, kind: Reduction, source: Tensor, axes: tuple[int, ...], shape: tuple[int, ...]) -> Tensor:
        return self._write(_REDUCTIONS[kind], [source, self._vector(*axes)], shape, keepdims=1)

    def _narrow(self, source: Tensor, axis: int, start: int, shape: tuple[int, ...]) -> Tensor:
        limits = (self._vector(value) for value in (start, start + shape[axis], axis))
        return self._write("Slice", [source, *limits], shape)

    def _concatenate(self, parts: Sequence[Tensor], axis: int, shape: tuple[int, ...]) -> Tensor:
        return self._write("Concat", parts, shape, axis=axis)

    def _matmul(self, left: Tensor, right: Tensor, shape: tuple[int, ...]) -> Tensor:
        return self._write("MatMul", [left, right], shape)

    def _vector(self, *values: int) -> Tensor:
        return self.constant(np.array(values, np.int64))

    def _write(self, kind: str, inputs: Sequence[Tensor], shape: tuple[int, ...], **attributes: Any) -> Tensor:
        self._written += 1
        name = f"{self.prefix}/{kind.lower()}{self._written}"
        return Tensor(self.graph.node(kind, [tensor.key for tensor in inputs], name, **attributes), shape)
