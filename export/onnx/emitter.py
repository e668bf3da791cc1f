"""A program on its way into an .onnx graph: values as real numbers or on their grids, and what all emitters share.

ONNX Runtime fuses the DequantizeLinear / QuantizeLinear pairs around each operator into its integer kernels; it does so
for every operator here only with uint8 activations, so zero points are the program's plus 128. Weights stay int8.

Shapes: (1, C, F, T) activations.
"""

import numpy as np

from compress.operations.operation import Operation
from compress.program import Program
from compress.quantization import INT8_MIN, Quantization
from export.onnx.graph import Graph

UINT8_OFFSET = 128


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
        """What is called `real` as the output: quantized, or behind the ReLU.

        An integer ReLU is the clamp at the zero point: free where that is the lowest integer, else the larger of both.
        """
        name, real = operation.output, self.real(operation)
        if self.program.quantized:
            scale, zero_point = grid(self.program, self.graph, name)
            clamped = operation.rectified and self.program.quantization(name).zero_point != INT8_MIN
            quantized = f"{name}/unclamped" if clamped else name
            self.graph.node("QuantizeLinear", [real, scale, zero_point], quantized)
            if clamped:
                self.graph.node("Max", [quantized, zero_point], name)
        elif operation.rectified:
            self.graph.node("Relu", [real], name)

    def reshape(self, source: str, result: str, shape: tuple[int, ...]) -> str:
        """The numbers of a value in the order they have, as `result` of this shape but for the batch."""
        name = "shape/" + "x".join(str(length) for length in shape)
        return self.graph.node("Reshape", [source, self.graph.constant(name, np.array([1, *shape], np.int64))], result)


def grid(program: Program, graph: Graph, name: str) -> tuple[str, str]:
    """Names of a value's scale and zero point; scalars, as ONNX Runtime's QLinearAdd wants them."""
    found = program.quantization(name)
    scale = graph.constant(f"{name}/scale", np.array(found.scale, np.float32))
    return scale, _zero_point(program, graph, name)


def _zero_point(program: Program, graph: Graph, name: str) -> str:
    return graph.constant(f"{name}/zero_point", np.array(uint8_zero_point(program.quantization(name)), np.uint8))


def uint8_zero_point(quantization: Quantization) -> int:
    """Zero point of a value in the ONNX file's uint8 domain."""
    return quantization.zero_point + UINT8_OFFSET
