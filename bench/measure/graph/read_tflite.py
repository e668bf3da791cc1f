"""Reads the operations of a .tflite file, with their multiply-accumulates by NeSsi's rule (`graph_cost`)."""

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from bench.measure.graph.graph import BITS, Graph, Key, Operation, Tensor

_LSTM = ((1, 2, 3, 4, 5, 6, 7, 8, 16), (12, 13, 14, 15, 17))
_LSTM_BOTH_WAYS = tuple(tuple(place + way for way in (0, 17) for place in places) for places in _LSTM)
WEIGHTS_AND_BIASES = {
    "CONV_2D": ((1,), (2,)),
    "DEPTHWISE_CONV_2D": ((1,), (2,)),
    "FULLY_CONNECTED": ((1,), (2,)),
    "CONV_3D": ((1,), (2,)),
    "TRANSPOSE_CONV": ((1,), (3,)),
    "CONV_3D_TRANSPOSE": ((1,), (3,)),
    "SVDF": ((1, 2), (3,)),
    "RNN": ((1, 2), (3,)),
    "UNIDIRECTIONAL_SEQUENCE_RNN": ((1, 2), (3,)),
    "BIDIRECTIONAL_SEQUENCE_RNN": ((1, 2, 5, 6), (3, 7)),
    "LSTM": _LSTM,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _LSTM,
    "BIDIRECTIONAL_SEQUENCE_LSTM": _LSTM_BOTH_WAYS,
    "Convolution2DTransposeBias": ((1,), (2,)),  # MediaPipe's
}
"""Which inputs of an operation these are."""
RECURRENT = ("RNN", "LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN", "UNIDIRECTIONAL_SEQUENCE_LSTM")
RECURRENT += ("BIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_LSTM", "SVDF")
UNPACKING = ("DEQUANTIZE", "DENSIFY")
"""Operations that bring a constant, float16 or sparse, into the form in which it is used."""
UNCOUNTED = ("IF", "WHILE", "RFFT2D", "STABLEHLO_DOT_GENERAL", "STABLEHLO_CONVOLUTION", "STABLEHLO_COMPOSITE")
UNCOUNTED += ("STABLEHLO_WHILE", "STABLEHLO_CASE", "STABLEHLO_CUSTOM_CALL")
"""Operations that may multiply and are not counted, as are all custom ones that have no place above."""
GRAPHS_INSIDE = {"IF": ("thenSubgraphIndex", "elseSubgraphIndex"), "WHILE": ("condSubgraphIndex", "bodySubgraphIndex")}
OPERATION_NAMES = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
TYPE_NAMES = {number: name for name, number in vars(schema.TensorType).items() if isinstance(number, int)}


def is_tflite(content: bytes) -> bool:
    """Whether a file says that it is one."""
    return content[4:8] == b"TFL3"


def read_tflite(content: bytes) -> Graph:
    """The graph of a .tflite file."""
    return _Reader(schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))).graph()


class _Reader:
    def __init__(self, model: Any) -> None:
        self.model, self.main = model, model.subgraphs[0]
        self.tensors: dict[Key, Tensor] = {place: _tensor(model, one) for place, one in enumerate(self.main.tensors)}
        self.unpacked: dict[Key, Key] = {}  # what is a constant in another form -> that constant

    def graph(self) -> Graph:
        operations = tuple(self._operation(operator) for operator in self.main.operators)
        return Graph(self.tensors, operations, tuple(_indices(self.main.inputs)), tuple(_indices(self.main.outputs)))

    def _operation(self, operator: Any) -> Operation:
        code, options = self.model.operatorCodes[operator.opcodeIndex], operator.builtinOptions
        kind, outputs = _operation_name(code), tuple(_indices(operator.outputs))
        # -1 stands for an optional input that is left out
        keys = [self.unpacked.get(index, index) if index >= 0 else None for index in _indices(operator.inputs)]
        if kind in UNPACKING and keys[0] is not None and self.tensors[keys[0]].constant:
            self.unpacked[outputs[0]] = keys[0]
            self.tensors[outputs[0]] = replace(self.tensors[keys[0]], name=self.tensors[outputs[0]].name)
            return Operation(kind, (), outputs, 0)
        operands = [None if key is None else self.tensors[key] for key in keys]
        weights, biases = (
            tuple(key for place in places if place < len(keys) and (key := keys[place]) is not None)
            for places in WEIGHTS_AND_BIASES.get(kind, ((), ()))
        )
        output = self.tensors[outputs[0]] if outputs else Tensor("", (0,), "UNKNOWN")
        known = kind not in UNCOUNTED and (kind in OPERATION_NAMES.values() or kind in WEIGHTS_AND_BIASES)
        macs = _macs(kind, options, operands, sum(self.tensors[key].elements for key in weights), output)
        read = [key for key in keys if key is not None]
        for place in [getattr(options, name) for name in GRAPHS_INSIDE.get(kind, ())]:
            read += self._constants_inside(place)
        return Operation(kind, tuple(read), outputs, macs if known else None, weights, biases)

    def _constants_inside(self, place: int) -> list[Key]:
        """Of a graph that an operation runs; one that lies inside of several is found again by its buffer."""
        found: list[Key] = []
        for tensor in self.model.subgraphs[place].tensors:
            one = _tensor(self.model, tensor)
            if one.constant:
                key = f"buffer {tensor.buffer}"
                self.tensors[key] = one
                found.append(key)
        return found


def _macs(kind: str, options: Any, operands: list[Any], weights: int, output: Tensor) -> int:
    """Multiply-accumulates; conv weights are OHWI, depthwise weights 1HWC, those in three dimensions DHWIO.

    `operands`: the inputs, None for an optional one that is left out; `weights`: elements of its weights.
    """
    match kind:
        case "MEAN":
            return operands[0].elements
        case "TRANSPOSE_CONV" | "CONV_3D_TRANSPOSE":
            return weights * prod(operands[2].shape[:-1])
        case "Convolution2DTransposeBias":
            return weights * prod(operands[0].shape[:-1])
        case kind if kind in RECURRENT:  # one step a time and clip
            return weights * prod(operands[0].shape[:-1])
        case "CONV_2D":
            each = prod(operands[1].shape[1:])
        case "CONV_3D":
            each = prod(operands[1].shape[:4])
        case "DEPTHWISE_CONV_2D":
            each = prod(operands[1].shape[1:3])
        case "FULLY_CONNECTED":
            each = operands[1].shape[1]
        case "BATCH_MATMUL":
            each = operands[0].shape[-2 if options is not None and options.adjX else -1]
        case "MAX_POOL_2D" | "AVERAGE_POOL_2D" | "L2_POOL_2D":
            each = options.filterHeight * options.filterWidth
        case _:
            each = int(kind == "ADD")
    return output.elements * each


def _tensor(model: Any, tensor: Any) -> Tensor:
    name, shape = (tensor.name or b"").decode(errors="replace"), tuple(_indices(tensor.shape))
    type_ = TYPE_NAMES.get(tensor.type, "UNKNOWN")
    buffer = model.buffers[tensor.buffer]
    size = len(buffer.data) if buffer.data is not None else int(buffer.size)  # `size`: data of a file beyond 2 GB
    zeros, stored = _zeros(tensor, type_, buffer), None
    if tensor.sparsity is not None and size:
        stored = size + _sparse_indices_bytes(tensor.sparsity)
        zeros += prod(shape) - 8 * size // BITS.get(type_, 8)
    return Tensor(name, shape, type_, size > 0, zeros, stored)


def _sparse_indices_bytes(sparsity: Any) -> int:
    """What says where the elements of a sparse tensor are."""
    vectors = [one for axis in sparsity.dimMetadata for one in (axis.arraySegments, axis.arrayIndices)]
    return sum(np.asarray(one.values).nbytes for one in vectors if one is not None)


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
