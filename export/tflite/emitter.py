"""A program on its way into a .tflite graph: which tensor holds which value, and what the emitters of operations share.

Shapes: TFLite is channels last: (1, F, T, C) activations.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from compress.operations.operation import Operation
from compress.program import Program
from export.axes import Axes
from export.front_end.operations import Operations, Tensor
from export.front_end.tflite_operations import TfliteOperations
from export.tflite.flatbuffer import vector
from export.tflite.graph import Graph

AXES = Axes(channel=3, frequency=1, time=2)

Island = Callable[[Operations, Any, Sequence[Tensor], Axes], Tensor]
"""Adds an operation in float32 operators: their writer, the operation, its inputs as reals, where their axes are."""


class Emitter:
    """The graph so far and the program that goes into it."""

    def __init__(self, program: Program, graph: Graph, source: int):
        self.program = program
        self.graph = graph
        self.index = {program.input: source}
        """Tensors of the values that there are already."""

    def inputs(self, operation: Operation) -> list[int]:
        """The tensors that an operation reads."""
        return [self.index[name] for name in operation.inputs]

    def output(self, operation: Operation) -> int:
        """A new tensor for what an operation makes."""
        name = operation.output
        self.index[name] = self.like(name, name, self.program.values[name].shape)
        return self.index[name]

    def like(self, value: str, name: str, shape: tuple[int, ...]) -> int:
        """A new tensor with the quantization of a value of the program; `shape` is (C, F, T) or (K,)."""
        return self.graph.activation(name, channels_last(shape), self.program.values[value].quantization)

    def pad(
        self, source: int, value: str, shape: tuple[int, ...], frequencies: tuple[int, int], frames: tuple[int, int]
    ) -> int:
        """Zeros around F and T of a tensor of this shape; in int8, TFLite pads with the zero point of the value."""
        paddings = np.array([(0, 0), frequencies, frames, (0, 0)], np.int32)
        padded = (shape[0], shape[1] + sum(frequencies), shape[2] + sum(frames))
        output = self.like(value, f"{value}/padded", padded)
        self.graph.operator("PAD", [source, self.graph.constant("paddings", paddings)], output, "PadOptions")
        return output

    def reshape(self, source: int, output: int, shape: tuple[int, ...]) -> None:
        """The numbers of a tensor in the order they have, as `output` of the shape (C, F, T)."""
        new_shape = self.graph.constant("shape", vector(*channels_last(shape)))
        self.graph.operator("RESHAPE", [source, new_shape], output, "ReshapeOptions")


def island(compute: Island) -> Callable[[Emitter, Any], None]:
    """The emitter of an operation that no integer kernel has: float32 operators between DEQUANTIZE and QUANTIZE."""

    def emit(emitter: Emitter, operation: Operation) -> None:
        graph, operations = emitter.graph, TfliteOperations(emitter.graph)
        shapes = [channels_last(emitter.program.values[name].shape) for name in operation.inputs]
        keys = emitter.inputs(operation)
        if emitter.program.quantized:
            reals = [graph.activation("dequantize", shape, None) for shape in shapes]
            for key, real in zip(keys, reals, strict=True):
                graph.operator("DEQUANTIZE", [key], real, "DequantizeOptions")
            keys = reals
        result = compute(operations, operation, [Tensor(*one) for one in zip(keys, shapes, strict=True)], AXES)
        if emitter.program.quantized:
            graph.operator("QUANTIZE", [result.key], emitter.output(operation), "QuantizeOptions")
        else:
            emitter.index[operation.output] = (operations.relu(result) if operation.rectified else result).key

    return emit


def channels_last(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(C, F, T) or (K,) of a program's value to the shape of its tensor."""
    return (1, *shape[1:], shape[0])


def activation(relu: bool) -> int:
    """What the schema calls an operator's own ReLU, or none."""
    kinds = schema.ActivationFunctionType
    return kinds.RELU if relu else kinds.NONE
