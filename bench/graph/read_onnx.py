"""Reads the operations of an .onnx file, float or INT8 (QDQ), with their multiply-accumulates as those of a .tflite.

What a runtime does in one step is one operation, as it is in a .tflite: QuantizeLinear and DequantizeLinear around an
operation, a ReLU or Clip behind it. Scales and zero points are no constants there either.
"""

from collections import Counter
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bench.graph.graph import Graph, Operation, Tensor
from tinyasc.errors import UserError

WEIGHTS_AND_BIAS = {"Conv": (1, 2), "ConvTranspose": (1, 2), "Gemm": (1, 2), "MatMul": (1, None)}
"""Which inputs of an operation these are."""
ACTIVATIONS = ("Relu", "Clip")
"""Functions that are part of the operation before them."""
SAME = ("DequantizeLinear", "Identity", "Dropout")
"""Operations whose result is their first input."""
UNKNOWN = ("QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger", "Einsum", "LSTM", "GRU", "RNN")
UNKNOWN += ("If", "Loop", "Scan")
"""Operations that multiply in a way that is not counted here."""
TYPE_NAMES = {"FLOAT": "FLOAT32", "DOUBLE": "FLOAT64"}


def read_onnx(path: Path) -> Graph:
    """The graph of an .onnx file, for one clip where the size of the batch is open.

    Raises:
        UserError: no network, shapes that are not known, or an operation that is not counted.
    """
    model = onnx.load(path)
    if not model.graph.node:
        raise UserError(f"{path} is not an ONNX model with a network: give a .tflite or an .onnx file")
    for node in model.graph.node:
        if node.op_type in UNKNOWN:
            raise UserError(f"{path} has {node.op_type}, which is not counted: give a float or a QDQ model")
    return _Reader(path, model).graph()


class _Reader:
    def __init__(self, path: Path, model: onnx.ModelProto) -> None:
        self.path, self.nodes = path, list(model.graph.node)
        for given in model.graph.input:
            if given.type.tensor_type.shape.dim and not given.type.tensor_type.shape.dim[0].HasField("dim_value"):
                given.type.tensor_type.shape.dim[0].dim_value = 1  # the size of the batch
        graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
        self.types = {value.name: value.type.tensor_type for value in (*graph.value_info, *graph.input, *graph.output)}
        self.arrays = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        for node in self.nodes:
            if node.op_type == "Constant":
                (value,) = _attributes(node).values()
                is_tensor = isinstance(value, TensorProto)
                self.arrays[node.output[0]] = numpy_helper.to_array(value) if is_tensor else np.asarray(value)
        self.inputs = [value.name for value in graph.input if value.name not in self.arrays]
        self.outputs = [value.name for value in graph.output]
        self.readers = Counter([*self.outputs, *(name for node in self.nodes for name in node.input)])
        self.zero_points: dict[str, np.ndarray] = {}  # of quantized constants
        self.same_as: dict[str, str] = {}  # name -> another name of the same memory
        self.kept = [node for node in self.nodes if node.op_type != "Constant" and not self._is_fused(node)]

    def graph(self) -> Graph:
        operations = tuple(self._operation(node) for node in self.kept)
        used = {key for operation in operations for key in (*operation.inputs, *operation.outputs)}
        names = [*self.inputs, *self.outputs, *used]
        return Graph({name: self._tensor(name) for name in names}, operations, tuple(self.inputs), tuple(self.outputs))

    def _is_fused(self, node: onnx.NodeProto) -> bool:
        """Whether a node belongs to the one before or behind it; its two tensors are one memory then."""
        source, result = node.input[0] if node.input else "", node.output[0]
        if node.op_type in SAME or (node.op_type == "QuantizeLinear" and self._key(source) in self.arrays):
            if result in self.outputs:
                return False
            self.same_as[result] = source
            if node.op_type == "DequantizeLinear" and self._key(source) in self.arrays and len(node.input) > 2:
                self.zero_points[self._key(source)] = self.arrays[node.input[2]]
            return True
        if node.op_type not in ("QuantizeLinear", *ACTIVATIONS):
            return False
        if self.readers[source] > 1 or source in self.inputs or source in self.same_as:
            return False
        self.same_as[source] = result
        return True

    def _operation(self, node: onnx.NodeProto) -> Operation:
        # the others of a Clip, QuantizeLinear or DequantizeLinear that stands alone are its limits or its grid
        names = node.input[:1] if node.op_type in (*ACTIVATIONS, *SAME, "QuantizeLinear") else node.input
        keys = [self._key(name) if name else None for name in names]
        places = WEIGHTS_AND_BIAS.get(node.op_type, (None, None))
        weight, bias = (None if place is None or place >= len(keys) else keys[place] for place in places)
        outputs = tuple(self._key(name) for name in node.output if name)
        operands = [None if key is None else self._tensor(key) for key in keys]
        macs = _macs(node, operands, self._tensor(outputs[0]))
        return Operation(node.op_type, tuple(key for key in keys if key is not None), outputs, macs, weight, bias)

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
        dimensions = [] if found is None else found.shape.dim
        if found is None or not found.HasField("shape") or not all(one.HasField("dim_value") for one in dimensions):
            raise UserError(f"{self.path} does not say which shape {name} has: write it with fixed shapes")
        return Tensor(name, tuple(one.dim_value for one in dimensions), _type(found.elem_type))


def _macs(node: onnx.NodeProto, operands: list[Any], output: Tensor) -> int:
    """Multiply-accumulates; conv weights are OIHW."""
    match node.op_type:
        case "GlobalAveragePool" | "GlobalMaxPool" | "ReduceMean":
            return operands[0].elements
        case "ConvTranspose":
            return operands[1].elements * operands[0].shape[0] * prod(operands[0].shape[2:])
        case "Conv":
            each = prod(operands[1].shape[1:])
        case "Gemm" | "MatMul":
            each = operands[0].shape[0 if _attributes(node).get("transA") else -1]
        case "MaxPool" | "AveragePool":
            each = prod(_attributes(node)["kernel_shape"])
        case kind:
            each = int(kind == "Add")
    return output.elements * each


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _type(number: int) -> str:
    name = TensorProto.DataType.Name(number)
    return TYPE_NAMES.get(name, name)
