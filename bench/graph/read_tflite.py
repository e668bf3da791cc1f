"""Reads the operations of a .tflite file, with their multiply-accumulates by NeSsi's rule (`graph_cost`)."""

from math import prod
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from bench.graph.graph import Graph, Operation, Tensor

WEIGHTS_AND_BIAS = {
    "CONV_2D": (1, 2),
    "DEPTHWISE_CONV_2D": (1, 2),
    "FULLY_CONNECTED": (1, 2),
    "CONV_3D": (1, 2),
    "TRANSPOSE_CONV": (1, 3),
}
"""Which inputs of an operation these are."""
OPERATION_NAMES = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
TYPE_NAMES = {number: name for name, number in vars(schema.TensorType).items() if isinstance(number, int)}


def is_tflite(content: bytes) -> bool:
    """Whether a file says that it is one."""
    return content[4:8] == b"TFL3"


def read_tflite(content: bytes) -> Graph:
    """The graph of a .tflite file."""
    model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    graph = model.subgraphs[0]
    tensors = [_tensor(model, tensor) for tensor in graph.tensors]
    operations = tuple(
        _operation(_operation_name(model.operatorCodes[operator.opcodeIndex]), operator, tensors)
        for operator in graph.operators
    )
    return Graph(dict(enumerate(tensors)), operations, tuple(_indices(graph.inputs)), tuple(_indices(graph.outputs)))


def _operation(kind: str, operator: Any, tensors: list[Tensor]) -> Operation:
    inputs, outputs = _indices(operator.inputs), tuple(_indices(operator.outputs))
    # -1 stands for an optional input that is left out
    operands = [tensors[index] if index >= 0 else None for index in inputs]
    weight, bias = (
        inputs[place] if place < len(inputs) and inputs[place] >= 0 else None
        for place in WEIGHTS_AND_BIAS.get(kind, (len(inputs), len(inputs)))
    )
    macs = _macs(kind, operator.builtinOptions, operands, tensors[outputs[0]])
    return Operation(kind, tuple(index for index in inputs if index >= 0), outputs, macs, weight, bias)


def _macs(kind: str, options: Any, operands: list[Any], output: Tensor) -> int:
    """Multiply-accumulates; conv weights are OHWI, depthwise weights 1HWC."""
    match kind:
        case "MEAN":
            return operands[0].elements
        case "TRANSPOSE_CONV":
            return operands[1].elements * prod(operands[2].shape[:3])
        case "CONV_2D":
            each = prod(operands[1].shape[1:])
        case "DEPTHWISE_CONV_2D":
            each = prod(operands[1].shape[1:3])
        case "FULLY_CONNECTED":
            each = operands[1].shape[1]
        case "BATCH_MATMUL":
            each = operands[0].shape[-2 if options.adjX else -1]
        case "MAX_POOL_2D" | "AVERAGE_POOL_2D":
            each = options.filterHeight * options.filterWidth
        case _:
            each = int(kind == "ADD")
    return output.elements * each


def _tensor(model: Any, tensor: Any) -> Tensor:
    name, shape = (tensor.name or b"").decode(errors="replace"), tuple(_indices(tensor.shape))
    type_ = TYPE_NAMES.get(tensor.type, "UNKNOWN")
    buffer = model.buffers[tensor.buffer]
    size = len(buffer.data) if buffer.data is not None else int(buffer.size)  # `size`: data of a file beyond 2 GB
    return Tensor(name, shape, type_, size > 0, _zeros(tensor, type_, buffer))


def _zeros(tensor: Any, type_: str, buffer: Any) -> int:
    """Elements that stand for 0, as far as NumPy has their type."""
    if buffer.data is None or not hasattr(np, type_.lower()):
        return 0
    zero_points = _indices(tensor.quantization.zeroPoint if tensor.quantization is not None else None)
    values = np.asarray(buffer.data, np.uint8).view(type_.lower())
    return int((values == (zero_points or [0])[0]).sum())  # several zero points, one a channel, are all 0


def _operation_name(code: Any) -> str:
    # Codes from 127 on do not fit the old one-byte field; old files leave the new field 0.
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    if number == schema.BuiltinOperator.CUSTOM and code.customCode:
        return code.customCode.decode(errors="replace")
    return OPERATION_NAMES.get(number, f"OPERATION_{number}")


def _indices(found: Any) -> list[int]:
    return [] if found is None else np.asarray(found).tolist()
