"""The ONNX emitter: a float program as plain operators, an INT8 program as QDQ with uint8 activations.

ONNX Runtime fuses the DequantizeLinear / QuantizeLinear pairs around each operator into its integer kernels; it does so
for every operator here only with uint8 activations, so zero points are the program's plus 128. Weights stay int8.

Shapes: (1, C, F, T) activations, (O, C / groups, kernel F, kernel T) weights, (1, K) logits.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from onnx import TensorProto

from compress.operations.addition import Addition
from compress.operations.convolution import Convolution
from compress.operations.mean import Mean
from compress.operations.operation import Operation
from compress.operations.response_norm import ResponseNorm
from compress.program import Program, quantization
from compress.quantization import Quantization
from export.front_end.onnx_operations import OnnxOperations
from export.front_end.operations import Tensor
from export.onnx_graph import Graph
from export.response_norm import Axes, response_norm

UINT8_OFFSET = 128
AXES = Axes(channel=1, frequency=2, time=3)


def to_onnx(program: Program, path: Path, metadata: Mapping[str, str], float16: bool = False) -> None:
    """Write a program as a checked .onnx file.

    Args:
        program: float (float32 in and out) or INT8 (uint8 in and out).
        path: the file to write.
        metadata: written as the model's metadata_props.
        float16: store the weights of a float program as float16.
    """
    graph = Graph()
    graph.float16 = float16
    emit(program, graph)
    kind = TensorProto.UINT8 if program.quantized else TensorProto.FLOAT
    ends = [(name, kind, (1, *program.values[name].shape)) for name in (program.input, program.output)]
    graph.write(path, ends[:1], ends[1:], metadata)


def emit(program: Program, graph: Graph) -> None:
    """Add a program to a graph; its values are called there what they are called in the program."""
    emitter = _Emitter(program, graph)
    for operation in program.operations:
        emitter.operation(operation)


class _Emitter:
    def __init__(self, program: Program, graph: Graph):
        self.program = program
        self.graph = graph

    def operation(self, operation: Operation) -> None:
        sources = [self._read(name, f"{operation.output}/input{i}") for i, name in enumerate(operation.inputs)]
        name = operation.output
        # an integer ReLU is the clamp at the output's zero point
        rectify = operation.rectified and not self.program.quantized
        result = f"{name}/real" if self.program.quantized or rectify else name
        if isinstance(operation, Convolution):
            pads = [*operation.padding, *operation.padding]
            weights = self._weights(operation)
            self.graph.node(
                "Conv", [*sources, *weights], result, group=operation.groups, pads=pads, strides=operation.stride
            )
        elif isinstance(operation, Addition):
            self.graph.node("Add", sources, result)
        elif isinstance(operation, ResponseNorm):
            shape = (1, *self.program.values[name].shape)
            inputs = [Tensor(source, shape) for source in sources]
            normed = response_norm(OnnxOperations(self.graph, f"{name}/norm"), operation, inputs, AXES)
            self.graph.node("Identity", [normed.key], result)
        elif isinstance(operation, Mean):
            self._mean(operation, sources[0], result)
            return
        if rectify:
            self.graph.node("Relu", [result], name)
        self._write(name, result)

    def _mean(self, operation: Mean, source: str, result: str) -> None:
        """Pooled to (1, C, 1, 1) with the output's quantization, then flattened, so that the pool runs in integers."""
        name, shape = operation.output, self.graph.constant("logits_shape", np.array([1, -1], np.int64))
        if not self.program.quantized:
            self.graph.node("GlobalAveragePool", [source], f"{name}/pooled")
            self.graph.node("Reshape", [f"{name}/pooled", shape], name)
            return
        self.graph.node("GlobalAveragePool", [source], result)
        scale, zero_point = self._quantization(name)
        self.graph.node("QuantizeLinear", [result, scale, zero_point], f"{name}/pooled")
        self.graph.node("Reshape", [f"{name}/pooled", shape], name)

    def _read(self, name: str, real: str) -> str:
        """A value as real numbers: itself, or behind a DequantizeLinear of its own."""
        if not self.program.quantized:
            return name
        self.graph.node("DequantizeLinear", [name, *self._quantization(name)], real)
        return real

    def _write(self, name: str, real: str) -> None:
        if self.program.quantized:
            self.graph.node("QuantizeLinear", [real, *self._quantization(name)], name)

    def _weights(self, operation: Convolution) -> list[str]:
        names = []
        for part, values in (("weight", operation.weight), ("bias", operation.bias)):
            constant = self.graph.constant(f"{operation.output}/{part}", values)
            if operation.weight_scale is not None:
                scale = operation.weight_scale
                if part == "bias":
                    found = self.program.values[operation.input].quantization
                    assert found is not None
                    scale = np.float32(found.scale) * scale
                scale_name = self.graph.constant(f"{operation.output}/{part}_scale", scale)
                constant_real = f"{operation.output}/{part}_real"
                self.graph.node("DequantizeLinear", [constant, scale_name], constant_real, axis=0)
                constant = constant_real
            names.append(constant)
        return names

    def _quantization(self, name: str) -> tuple[str, str]:
        return grid(self.program, self.graph, name)


def grid(program: Program, graph: Graph, name: str) -> tuple[str, str]:
    """Names of a value's scale and zero point; scalars, as ONNX Runtime's QLinearAdd wants them."""
    found = quantization(program, name)
    scale = graph.constant(f"{name}/scale", np.array(found.scale, np.float32))
    return scale, graph.constant(f"{name}/zero_point", np.array(uint8_zero_point(found), np.uint8))


def uint8_zero_point(quantization: Quantization) -> int:
    """Zero point of a value in the ONNX file's uint8 domain."""
    return quantization.zero_point + UINT8_OFFSET
