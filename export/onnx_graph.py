"""Nodes and constants of one ONNX graph, on their way to a file, and float32 operators as ONNX's."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from compress.arithmetic.arithmetic import Arithmetic, Geometry, Kind, Reduction, Tensor
from export.emitter import Step

OPSET = 21
IR_VERSION = 10

End = tuple[str, int, tuple[int, ...]]
"""An input or output: its name, its type (`onnx.TensorProto`) and its shape."""


class Graph:
    """A graph being built; values are named by their name."""

    float16 = False
    """Whether constants of float32 are stored as float16, and converted by a Cast of their own."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """A value with data; one of a name that is there already is that one."""
        if self.float16 and values.dtype == np.float32:
            return self._halved(name, values)
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(values).reshape(values.shape), name)
        return name

    def _halved(self, name: str, values: NDArray[np.float32]) -> str:
        stored = f"{name}/float16"
        if stored not in self._constants:
            self.constant(stored, values.astype(np.float16))
            self.node("Cast", [stored], name, to=TensorProto.FLOAT)
        return name

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """An operator of `kind` that makes the value `output`."""
        self._nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def write(self, path: Path, inputs: Sequence[End], outputs: Sequence[End], metadata: Mapping[str, str]) -> None:
        """Write the finished, checked .onnx file; `metadata` are its metadata_props."""
        taken, given = ([helper.make_tensor_value_info(*end) for end in side] for side in (inputs, outputs))
        graph = helper.make_graph(self._nodes, "tinyasc", taken, given, list(self._constants.values()))
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="tinyasc"
        )
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, path)


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

    def _reshape(self, source: Tensor, asked: tuple[int, ...], shape: tuple[int, ...]) -> Tensor:
        return self._write("Reshape", [source, self._vector("shape", *asked)], shape)

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
        return self._write(_REDUCTIONS[kind], [source, self._vector("axes", *axes)], shape, keepdims=1)

    def _narrow(self, source: Tensor, axis: int, start: int, shape: tuple[int, ...]) -> Tensor:
        limits = (self._vector("number", value) for value in (start, start + shape[axis], axis))
        return self._write("Slice", [source, *limits], shape)

    def _concatenate(self, parts: Sequence[Tensor], axis: int, shape: tuple[int, ...]) -> Tensor:
        return self._write("Concat", parts, shape, axis=axis)

    def _matmul(self, left: Tensor, right: Tensor, shape: tuple[int, ...]) -> Tensor:
        return self._write("MatMul", [left, right], shape)

    def pad_bands(self, source: Tensor, rows: int) -> Tensor:
        batch, channels, bands, frames = source.shape
        pads = self._vector("pads", 0, 0, rows, 0, 0, 0, rows, 0)
        return self._write("Pad", [source, pads], (batch, channels, bands + 2 * rows, frames))

    def max_pool(self, source: Tensor, kernel: tuple[int, int], stride: tuple[int, int]) -> Tensor:
        size = Geometry(stride, (0, 0), (1, 1), 1).size(source.shape[2:], (0, 0, *kernel))
        return self._write("MaxPool", [source], (*source.shape[:2], *size), kernel_shape=kernel, strides=stride)

    def _vector(self, role: str, *values: int) -> Tensor:
        """A constant of integers; `role` is what it is."""
        return self.constant(np.array(values, np.int64))

    def _write(self, kind: str, inputs: Sequence[Tensor], shape: tuple[int, ...], **attributes: Any) -> Tensor:
        self._written += 1
        name = f"{self.prefix}/{kind.lower()}{self._written}"
        return Tensor(self.graph.node(kind, [tensor.key for tensor in inputs], name, **attributes), shape)


class OnnxMoves(OnnxArithmetic):
    """Notes nodes that move numbers, until it is known which is the last (`to_onnx.OnnxEmitter.move`)."""

    def __init__(self, graph: Graph):
        super().__init__(graph)
        self.steps: list[Step] = []

    def _reshape(self, source: Tensor, asked: tuple[int, ...], shape: tuple[int, ...]) -> Tensor:
        if len(shape) == 2:
            return self._write("Flatten", [source], shape, axis=1)
        return super()._reshape(source, asked, shape)

    def _vector(self, role: str, *values: int) -> Tensor:
        """Under a name that says its values, so that all movements share it."""
        said = values[1:] if role == "shape" else values[2:3] if role == "pads" else values
        name = f"{role}/" + "x".join(map(str, said))
        return Tensor(self.graph.constant(name, np.array(values, np.int64)), (len(values),))

    def _write(self, kind: str, inputs: Sequence[Tensor], shape: tuple[int, ...], **attributes: Any) -> Tensor:
        self.steps.append(Step(kind, inputs, shape, attributes))
        return Tensor(self.steps[-1], shape)
