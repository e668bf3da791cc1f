"""What a .tflite file costs, counted from its graph: MACs, parameters, constant and live activation bytes per layer.

MACs follow NeSsi, the counter of DCASE Task 1: convolutions, fully connected layers and pooling by their kernels, MEAN
and ADD by their elements, every other operation and every bias 0. One deviation: a fully connected layer counts all of
its weights; NeSsi multiplies by the last input dimension only, which is too few when the input is not flattened.
"""

from dataclasses import dataclass
from math import ceil, prod
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tinyasc.errors import UserError

BITS = {"FLOAT64": 64, "INT64": 64, "UINT64": 64, "COMPLEX64": 64, "COMPLEX128": 128, "FLOAT32": 32, "INT32": 32}
BITS |= {"UINT32": 32, "FLOAT16": 16, "BFLOAT16": 16, "INT16": 16, "UINT16": 16, "INT8": 8, "UINT8": 8, "BOOL": 8}
BITS |= {"INT4": 4, "UINT4": 4, "INT2": 2}
"""Bits of one element by tensor type; types without a fixed size (strings, handles) count as 0."""
BIAS_INPUT = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "CONV_3D": 2, "TRANSPOSE_CONV": 3}
"""Which input of an operation is its bias."""
STRUCTURE_TYPES = ("INT32", "INT64", "UINT32", "BOOL", "STRING")
"""Constants of these types that are no bias are shapes, axes and paddings: bytes, but no parameters."""
FLOAT_TYPES = ("FLOAT16", "BFLOAT16", "FLOAT32", "FLOAT64")
OPERATION_NAMES = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
TYPE_NAMES = {number: name for name, number in vars(schema.TensorType).items() if isinstance(number, int)}


@dataclass(frozen=True)
class Layer:
    """One operation of the graph, in running order."""

    operation: str
    """Builtin name, for example CONV_2D, or the name of a custom operation."""
    name: str
    """Name of its first output."""
    output_shape: tuple[int, ...]
    output_type: str
    """Tensor type of that output, for example INT8."""
    macs: int
    """Multiply-accumulate operations for one inference."""
    weights: int
    """Elements of its weight constants."""
    biases: int
    """Elements of its bias."""
    weight_bytes: int
    bias_bytes: int
    structure_bytes: int
    """Bytes of shapes, axes and paddings."""
    live_bytes: int
    """Bytes of all activations that must exist while it runs: inputs, outputs and what later layers still need."""

    @property
    def constant_bytes(self) -> int:
        """Bytes of every constant it reads, as NeSsi counts "parameters"."""
        return self.weight_bytes + self.bias_bytes + self.structure_bytes


@dataclass(frozen=True)
class GraphCost:
    """Cost of one file. A constant that several operations read counts once, at the first of them."""

    layers: tuple[Layer, ...]
    file_bytes: int

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @property
    def parameters(self) -> int:
        """Weights and biases, elements."""
        return sum(layer.weights + layer.biases for layer in self.layers)

    @property
    def weight_bytes(self) -> int:
        return sum(layer.weight_bytes for layer in self.layers)

    @property
    def bias_bytes(self) -> int:
        return sum(layer.bias_bytes for layer in self.layers)

    @property
    def constant_bytes(self) -> int:
        """Weights, biases, shapes, axes and paddings: what NeSsi prints as parameters of a .tflite."""
        return sum(layer.constant_bytes for layer in self.layers)

    @property
    def peak_activation_bytes(self) -> int:
        """Least activation memory with perfect packing; a runtime's arena is at least this."""
        return max((layer.live_bytes for layer in self.layers), default=0)

    @property
    def integer_weights(self) -> bool:
        """Whether every weight takes one byte or less."""
        return self.weight_bytes <= sum(layer.weights for layer in self.layers)

    @property
    def float_operations(self) -> int:
        """Operations whose output is a float tensor; 0 in a network that is INT8 from end to end."""
        return sum(layer.output_type in FLOAT_TYPES for layer in self.layers)


def read(path: Path) -> GraphCost:
    """Count one .tflite file.

    Raises:
        UserError: no such file, or not a TFLite model.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    if content[4:8] != b"TFL3":
        raise UserError(f"{path} is not a TFLite model: give a .tflite file")
    try:
        model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    except Exception as error:  # the flatbuffer reader fails in whatever way the bytes lead it
        raise UserError(f"{path} is a damaged TFLite model ({type(error).__name__}): write it again") from error
    return GraphCost(_layers(model), len(content))


def _layers(model: Any) -> tuple[Layer, ...]:
    graph = model.subgraphs[0]
    constant = [_buffer_bytes(model, tensor) > 0 for tensor in graph.tensors]
    live = _live_bytes(graph, constant)
    counted: set[int] = set()
    layers = []
    for position, operator in enumerate(graph.operators):
        operation = _operation_name(model.operatorCodes[operator.opcodeIndex])
        inputs = _indices(operator.inputs)
        elements = {"weights": 0, "biases": 0}
        size = {"weight_bytes": 0, "bias_bytes": 0, "structure_bytes": 0}
        for place, index in enumerate(inputs):
            if index < 0 or not constant[index] or index in counted:
                continue  # -1 stands for an optional input that is left out
            counted.add(index)
            tensor = graph.tensors[index]
            if place == BIAS_INPUT.get(operation):
                elements["biases"] += _elements(tensor)
                size["bias_bytes"] += _bytes(tensor)
            elif TYPE_NAMES.get(tensor.type) in STRUCTURE_TYPES:
                size["structure_bytes"] += _bytes(tensor)
            else:
                elements["weights"] += _elements(tensor)
                size["weight_bytes"] += _bytes(tensor)
        outputs = [graph.tensors[index] for index in _indices(operator.outputs)]
        operands = [graph.tensors[index] if index >= 0 else None for index in inputs]
        layers.append(
            Layer(
                operation=operation,
                name=(outputs[0].name or b"").decode(errors="replace"),
                output_shape=_shape(outputs[0]),
                output_type=TYPE_NAMES.get(outputs[0].type, "UNKNOWN"),
                macs=_macs(operation, operator.builtinOptions, operands, outputs[0]),
                live_bytes=live[position],
                **elements,
                **size,
            )
        )
    return tuple(layers)


def _macs(operation: str, options: Any, operands: list[Any], output: Any) -> int:
    """Multiply-accumulates of one operation by NeSsi's rule; conv weights are OHWI, depthwise weights 1HWC."""
    if operation == "CONV_2D":
        return _elements(output) * prod(_shape(operands[1])[1:])
    if operation == "DEPTHWISE_CONV_2D":
        return _elements(output) * prod(_shape(operands[1])[1:3])
    if operation == "FULLY_CONNECTED":
        return _elements(output) * _shape(operands[1])[1]
    if operation in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
        return _elements(output) * options.filterHeight * options.filterWidth
    return {"MEAN": _elements(operands[0]), "ADD": _elements(output)}.get(operation, 0)


def _live_bytes(graph: Any, constant: list[bool]) -> list[int]:
    """Activation bytes alive at each operation in the graph's order; inputs live from the start, outputs to the end."""
    last = len(graph.operators) - 1
    born = {index: 0 for index in _indices(graph.inputs)}
    dies = {index: last for index in _indices(graph.outputs)}
    for position, operator in enumerate(graph.operators):
        for index in _indices(operator.outputs):
            born[index] = position
            dies.setdefault(index, position)
        for index in _indices(operator.inputs):
            if index >= 0 and not constant[index]:
                born.setdefault(index, 0)  # a state tensor that no operation writes
                dies[index] = max(dies.get(index, 0), position)
    size = {index: _bytes(graph.tensors[index]) for index in born}
    alive = [(born[index], dies.get(index, last), size[index]) for index in born]
    return [sum(n for start, end, n in alive if start <= position <= end) for position in range(last + 1)]


def _operation_name(code: Any) -> str:
    # Codes from 127 on do not fit the old one-byte field; old files leave the new field 0.
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    if number == schema.BuiltinOperator.CUSTOM and code.customCode:
        return code.customCode.decode(errors="replace")
    return OPERATION_NAMES.get(number, f"OPERATION_{number}")


def _buffer_bytes(model: Any, tensor: Any) -> int:
    buffer = model.buffers[tensor.buffer]
    return len(buffer.data) if buffer.data is not None else int(buffer.size)  # `size`: data of a file beyond 2 GB


def _indices(found: Any) -> list[int]:
    return [] if found is None else np.asarray(found).tolist()


def _shape(tensor: Any) -> tuple[int, ...]:
    return tuple(_indices(tensor.shape))


def _elements(tensor: Any) -> int:
    return prod(_shape(tensor))


def _bytes(tensor: Any) -> int:
    return ceil(_elements(tensor) * BITS.get(TYPE_NAMES.get(tensor.type, ""), 0) / 8)
