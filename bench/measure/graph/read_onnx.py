"""Reads the operations of an .onnx file, float or INT8 (QDQ, QOperator, dynamic), with their multiply-accumulates.

What a runtime does in one step is one operation, as it is in a .tflite: QuantizeLinear and DequantizeLinear around an
operation, a ReLU or Clip behind it. Scales and zero points are no constants there either. A constant that is only
turned, reshaped or widened before it is used is the constant itself. Types and shapes that ONNX does not infer, behind
operators of other domains or shapes that are computed, are seen in one inference of ONNX Runtime.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np
import onnx
from onnx import GraphProto, TensorProto, TypeProto, helper, inliner, numpy_helper

from bench.measure.graph import onnx_operations
from bench.measure.graph.graph import Graph, Operation, Tensor
from deploy import runtime
from tinyasc.errors import UserError

ACTIVATIONS = ("Relu", "Clip")
"""Functions that are part of the operation before them."""
SAME = ("DequantizeLinear", "Identity", "Dropout")
"""Operations whose result is their first input."""
UNPACKING = ("Cast", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Concat")
"""Operations that bring constants into the form in which they are used."""
TYPE_NAMES = {"FLOAT": "FLOAT32", "DOUBLE": "FLOAT64"}


def read_onnx(path: Path) -> Graph:
    """The graph of an .onnx file, for one clip where the size of the batch is open.

    Raises:
        UserError: no network, weights in other files, or shapes that are not known.
    """
    model = onnx.load(path, load_external_data=False)
    if not model.graph.node:
        raise UserError(f"{path} is not an ONNX model with a network: give a .tflite or an .onnx file")
    for one in model.graph.initializer:
        if one.data_location == TensorProto.EXTERNAL:
            where = next(entry.value for entry in one.external_data if entry.key == "location")
            raise UserError(
                f"{path} keeps weights in {where}: write one file, such as by onnx.save(onnx.load(...), ...)"
            )
    return _Reader(path, inliner.inline_local_functions(model) if model.functions else model).graph()


class _Reader:
    def __init__(self, path: Path, model: onnx.ModelProto) -> None:
        self.types = shapes(path, model)
        graph, self.nodes = model.graph, list(model.graph.node)
        self.arrays = _constants(graph)
        self.inside: dict[str, list[str]] = {}  # first output of a node -> what the graphs inside of it read
        for node in self.nodes:
            for nested in _nested(node):
                held = {f"{node.output[0]}/{name}": array for name, array in _constants(nested).items()}
                self.arrays |= held
                self.inside.setdefault(node.output[0], []).extend([*held, *_captured(nested)])
        self.inputs = [value.name for value in graph.input if value.name not in self.arrays]
        self.outputs = [value.name for value in graph.output]
        read = [name for node in self.nodes for name in (*node.input, *self.inside.get(node.output[0], []))]
        self.readers = Counter([*self.outputs, *read])
        self.zero_points: dict[str, np.ndarray] = {}  # of quantized constants
        self.same_as: dict[str, str] = {}  # name -> another name of the same memory
        self.unpacked: dict[str, str] = {}  # name -> the constant that it is in another form
        self.kept = [node for node in self.nodes if node.op_type != "Constant" and not self._is_fused(node)]

    def graph(self) -> Graph:
        operations = tuple(self._operation(node) for node in self.kept)
        used = {key for operation in operations for key in (*operation.inputs, *operation.outputs)}
        names = [*self.inputs, *self.outputs, *used]
        return Graph({name: self._tensor(name) for name in names}, operations, tuple(self.inputs), tuple(self.outputs))

    def _is_constant(self, name: str) -> bool:
        return self._key(name) in self.arrays or self._key(name) in self.unpacked

    def _is_fused(self, node: onnx.NodeProto) -> bool:
        """Whether a node belongs to the one before or behind it; its two tensors are one memory then."""
        source, result = node.input[0] if node.input else "", node.output[0]
        constant = self._is_constant(source)
        if node.op_type in SAME or (node.op_type == "QuantizeLinear" and constant):
            if result in self.outputs:
                return False
            self.same_as[result] = source
            if node.op_type == "DequantizeLinear" and len(node.input) > 2:
                self._moved(self._key(source), node.input[2])
            return True
        if node.op_type in UNPACKING and all(map(self._is_constant, node.input)) and result not in self.outputs:
            self.unpacked[result] = self._key(source)
            return True
        if node.op_type not in ("QuantizeLinear", *ACTIVATIONS):
            return False
        if self.readers[source] > 1 or source in self.inputs or source in self.same_as or constant:
            return False
        self.same_as[source] = result
        return True

    def _operation(self, node: onnx.NodeProto) -> Operation:
        part = onnx_operations.operands_of(node)
        keys = [self._key(name) if name else None for name in node.input]
        weights, biases = (
            tuple(key for place in places if place < len(keys) and (key := keys[place]) is not None)
            for places in (part.weights, part.biases)
        )
        if weights and part.zero_point is not None and part.zero_point < len(keys):
            self._moved(weights[0], node.input[part.zero_point])
        operands = [None if key is None else self._tensor(key) for key in keys]
        outputs = tuple(self._key(name) for name in node.output if name)
        macs = onnx_operations.macs(node, operands, self._tensor(outputs[0]))
        read = [key for place, key in enumerate(keys) if key is not None and place not in part.aside]
        inside = [self._key(name) for name in self.inside.get(node.output[0], [])]
        return Operation(node.op_type, tuple(dict.fromkeys(read + inside)), outputs, macs, weights, biases)

    def _moved(self, constant: str, zero_point: str) -> None:
        """Notes which integer of a constant stands for 0."""
        constant, zero_point = self.unpacked.get(constant, constant), self._key(zero_point)
        if constant in self.arrays and zero_point in self.arrays:
            self.zero_points[constant] = self.arrays[zero_point]

    def _key(self, name: str) -> str:
        while name in self.same_as:
            name = self.same_as[name]
        return name

    def _tensor(self, name: str) -> Tensor:
        if name in self.arrays:
            values = self.arrays[name]
            zero = self.zero_points.get(name, np.zeros(1, values.dtype)).flat[0]
            kind = _type(helper.np_dtype_to_tensor_dtype(values.dtype))
            return Tensor(name, values.shape, kind, constant=True, zeros=int((values == zero).sum()))
        found = self.types.get(name)
        if found is None:  # a sequence, or another thing without a size
            return Tensor(name, (0,), "UNKNOWN")
        shape = tuple(size.dim_value for size in found.shape.dim)
        if name in self.unpacked:
            packed = self._tensor(self.unpacked[name])
            zeros = packed.zeros if packed.elements == prod(shape) else 0
            return replace(packed, name=name, shape=shape, zeros=zeros)
        return Tensor(name, shape, _type(found.elem_type))


def _constants(graph: GraphProto) -> dict[str, np.ndarray]:
    """By name, without those of graphs inside of its nodes."""
    held = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            (value,) = onnx_operations.attributes(node).values()
            held[node.output[0]] = numpy_helper.to_array(value) if isinstance(value, TensorProto) else np.asarray(value)
    return held


def _nested(node: onnx.NodeProto) -> Iterator[GraphProto]:
    """Graphs inside of a node, at any depth."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
            for inner in attribute.g.node:
                yield from _nested(inner)


def _captured(graph: GraphProto) -> list[str]:
    """What a graph inside of a node reads of those around it."""
    own = {value.name for value in (*graph.input, *graph.initializer)} | {n for node in graph.node for n in node.output}
    read = [name for node in graph.node for name in node.input] + [value.name for value in graph.output]
    return [name for name in dict.fromkeys(read) if name and name not in own]


def _type(number: int) -> str:
    name = TensorProto.DataType.Name(number)
    return TYPE_NAMES.get(name, name)


ONNX_TYPES = {"float": "float32", "double": "float64"}
"""ONNX Runtime's names of types that are not NumPy's."""


def shapes(path: Path, model: onnx.ModelProto) -> dict[str, TypeProto.Tensor]:
    """By name; what is no tensor, and what no one finds, is left out. An open batch becomes 1 in `model`.

    Raises:
        UserError: an input that is open in more than its batch, or a file that does not run where it has to.
    """
    held = {one.name for one in model.graph.initializer}
    for given in model.graph.input:
        if given.name not in held:
            _close_batch(path, given)
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    found = {
        one.name: one.type.tensor_type
        for one in (*graph.value_info, *graph.input, *graph.output)
        if _is_known(one.type.tensor_type)
    }
    computed = [name for node in model.graph.node for name in node.output if name]
    missing = [name for name in computed if name not in found]
    return found | (_seen(path, model, missing) if missing else {})


def _close_batch(path: Path, given: onnx.ValueInfoProto) -> None:
    """An open size is one with a name, without a value, or, of some converters, below 1."""
    if given.type.HasField("tensor_type") and not given.type.tensor_type.HasField("shape"):
        raise UserError(f"{path} does not say which shape its input {given.name} has: write it with fixed sizes")
    sizes = given.type.tensor_type.shape.dim
    if sizes and sizes[0].dim_value < 1:
        sizes[0].dim_value = 1
    if any(size.dim_value < 1 for size in sizes):
        raise UserError(f"{path} leaves the size of its input {given.name} open: write it with fixed sizes")


def _is_known(tensor: TypeProto.Tensor) -> bool:
    return tensor.HasField("shape") and all(size.dim_value > 0 for size in tensor.shape.dim)


def _seen(path: Path, model: onnx.ModelProto, names: list[str]) -> dict[str, TypeProto.Tensor]:
    """What one inference with zeros gives these names."""
    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    given = {one.name for one in opened.graph.output}
    opened.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in given)
    session = runtime.onnx_session(path, content=opened.SerializeToString())
    zeros = {}
    for one in session.get_inputs():
        kind = one.type.removeprefix("tensor(").removesuffix(")")
        zeros[one.name] = np.zeros(one.shape, ONNX_TYPES.get(kind, kind))
    try:
        results = session.run(names, zeros)
    except Exception as error:  # its exceptions derive from nothing but Exception
        first = str(error).strip().splitlines()[0]
        raise UserError(
            f"{path} does not say which shape {names[0]} has, and does not run on zeros: {first}"
        ) from error
    return {
        name: helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(result.dtype), result.shape).tensor_type
        for name, result in zip(names, results, strict=True)
        if isinstance(result, np.ndarray)
    }
