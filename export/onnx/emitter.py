"""A program on its way into an .onnx graph: values as real numbers or on their grids, and what all emitters share.

ONNX Runtime fuses the DequantizeLinear / QuantizeLinear pairs around each operator into its integer kernels; it does so
for every operator here only with uint8 activations, so zero points are the program's plus 128. Weights stay int8.

Shapes: (1, C, F, T) activations.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from compress.operations.operation import Operation
from compress.program import Program, quantization
from compress.quantization import Quantization
from export.axes import Axes
from export.front_end.onnx_operations import OnnxOperations
from export.front_end.operations import Operations, Tensor
from export.onnx.graph import Graph

UINT8_OFFSET = 128
AXES = Axes(channel=1, frequency=2, time=3)

Island = Callable[[Operations, Any, Sequence[Tensor], Axes], Tensor]
"""Adds an operation in float32 operators: their writer, the operation, its inputs as reals, where their axes are."""


class Emitter:
    """The graph so far and the program that goes into it; values are called there what the program calls them."""

    def __init__(self, program: Program, graph: Graph):
        self.program = program
        self.graph = graph

    def read(self, operation: Operation) -> list[str]:
        """The inputs of an operation as real numbers: themselves, or each behind a DequantizeLinear of its own."""
        if not self.program.quantized:
            return list(operation.inputs)
        reals = []
        for number, name in enumerate(operation.inputs):
            real = f"{operation.output}/input{number}"
            reals.append(self.graph.node("DequantizeLinear", [name, *grid(self.program, self.graph, name)], real))
        return reals

    def real(self, operation: Operation) -> str:
        """What the node that computes an operation is to call its result, before `write`."""
        return f"{operation.output}/real" if self.program.quantized or operation.rectified else operation.output

    def write(self, operation: Operation) -> None:
        """What is called `real` as the output: quantized, or behind the ReLU; an integer ReLU is the clamp at zero."""
        name, real = operation.output, self.real(operation)
        if self.program.quantized:
            self.graph.node("QuantizeLinear", [real, *grid(self.program, self.graph, name)], name)
        elif operation.rectified:
            self.graph.node("Relu", [real], name)


def island(compute: Island) -> Callable[[Emitter, Any], None]:
    """The emitter of an operation that no integer kernel has: float32 operators, with integers on either side."""

    def emit(emitter: Emitter, operation: Operation) -> None:
        shapes = [(1, *emitter.program.values[name].shape) for name in operation.inputs]
        inputs = [Tensor(*one) for one in zip(emitter.read(operation), shapes, strict=True)]
        result = compute(OnnxOperations(emitter.graph, f"{operation.output}/norm"), operation, inputs, AXES)
        emitter.graph.node("Identity", [result.key], emitter.real(operation))
        emitter.write(operation)

    return emit


def grid(program: Program, graph: Graph, name: str) -> tuple[str, str]:
    """Names of a value's scale and zero point; scalars, as ONNX Runtime's QLinearAdd wants them."""
    found = quantization(program, name)
    scale = graph.constant(f"{name}/scale", np.array(found.scale, np.float32))
    return scale, graph.constant(f"{name}/zero_point", np.array(uint8_zero_point(found), np.uint8))


def uint8_zero_point(quantization: Quantization) -> int:
    """Zero point of a value in the ONNX file's uint8 domain."""
    return quantization.zero_point + UINT8_OFFSET
