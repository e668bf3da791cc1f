"""The ONNX emitter: a float program as plain operators, an INT8 program as QDQ with uint8 activations.

ONNX Runtime fuses the DequantizeLinear / QuantizeLinear pairs around each operator into its integer kernels; it does so
for every operator here only with uint8 activations, so zero points are the program's plus 128. Weights stay int8.

Shapes: (1, C, F, T) activations, (O, C / groups, kernel F, kernel T) weights.
"""

from collections.abc import Mapping
from functools import singledispatchmethod
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto

from compress.arithmetic.arithmetic import CHANNELS_FIRST, Arithmetic, Tensor
from compress.operations.addition import Addition
from compress.operations.convolution import Convolution
from compress.operations.formula import Formula, Movement
from compress.operations.mean import Mean
from compress.operations.operation import Operation
from compress.program import Program
from compress.quantization import INT8_MIN, Quantization
from export.emitter import Emitter
from export.onnx_graph import Graph, OnnxArithmetic, OnnxMoves

UINT8_OFFSET = 128


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
    OnnxEmitter(program, graph).emit()
    kind = TensorProto.UINT8 if program.quantized else TensorProto.FLOAT
    ends = [(name, kind, (1, *program.values[name].shape)) for name in (program.input, program.output)]
    graph.write(path, ends[:1], ends[1:], metadata)


def uint8_zero_point(quantization: Quantization) -> int:
    """Zero point of a value in the ONNX file's uint8 domain."""
    return quantization.zero_point + UINT8_OFFSET


class OnnxEmitter(Emitter):
    """The graph so far; values are called there what the program calls them."""

    axes = CHANNELS_FIRST

    def __init__(self, program: Program, graph: Graph) -> None:
        super().__init__(program)
        self.graph = graph

    def grid(self, name: str) -> tuple[str, str]:
        """Names of a value's scale and zero point; scalars, as ONNX Runtime's QLinearAdd wants them."""
        found = self.program.quantization(name)
        scale = self.graph.constant(f"{name}/scale", np.array(found.scale, np.float32))
        return scale, self.graph.constant(f"{name}/zero_point", np.array(uint8_zero_point(found), np.uint8))

    def arithmetic(self, name: str) -> OnnxArithmetic:
        return OnnxArithmetic(self.graph, name)

    def reals(self, operation: Operation) -> list[Tensor]:
        """Themselves, or each behind a DequantizeLinear of its own."""
        inputs = self._inputs(operation)
        if not self.program.quantized:
            return inputs
        return [
            Tensor(
                self.graph.node("DequantizeLinear", [x.key, *self.grid(x.key)], f"{operation.output}/input{number}"),
                x.shape,
            )
            for number, x in enumerate(inputs)
        ]

    def finish(self, operation: Formula, do: Arithmetic, result: Tensor) -> None:
        self._write("Identity", [result.key], operation)

    def integers(self, do: Arithmetic, operation: Operation, number: int) -> Tensor:
        x = self._inputs(operation)[number]
        if self.program.quantization(x.key).wide:
            return x
        step = self.graph.constant("one", np.array(1, np.float32))
        inputs = [x.key, step, self.grid(x.key)[1]]
        return Tensor(self.graph.node("DequantizeLinear", inputs, f"{operation.output}/input{number}"), x.shape)

    def finish_integers(self, operation: Operation, result: Tensor) -> None:
        name = operation.output
        if self.program.quantization(name).wide:
            self.graph.node("Identity", [result.key], name)
        else:
            self.graph.node("QuantizeLinear", [result.key, *self.grid(name)], name)

    def move(self, operation: Movement) -> None:
        """The nodes of its lines, the last under the name of the value; in INT8 they pad with the zero point."""
        do, name = OnnxMoves(self.graph), operation.output
        result = operation.move(do, self._inputs(operation), self.axes)
        for step in do.steps:
            step.key = name if step is do.steps[-1] else f"{name}/{'rows' if step.kind == 'Reshape' else 'columns'}"
            zero = [self.grid(operation.inputs[0])[1]] if step.kind == "Pad" and self.program.quantized else []
            self.graph.node(step.kind, [*step.keys, *zero], step.key, **step.fields)
        if not do.steps:
            self.graph.node("Identity", [result.key], name)

    @singledispatchmethod
    def kernel(self, operation: Operation) -> None:
        raise TypeError(f"no ONNX emitter is registered for {type(operation).__name__}")

    @kernel.register
    def _(self, operation: Addition) -> None:
        self._write("Add", [real.key for real in self.reals(operation)], operation)

    @kernel.register
    def _(self, operation: Convolution) -> None:
        """Conv, dense or in groups; in INT8 its weights and bias stand behind a DequantizeLinear of their own."""
        inputs = [*(real.key for real in self.reals(operation)), *self._weights(operation)]
        fields: dict[str, Any] = {"group": operation.groups, "pads": [*operation.padding, *operation.padding]}
        if operation.dilation != (1, 1):
            fields["dilations"] = operation.dilation
        self._write("Conv", inputs, operation, strides=operation.stride, **fields)

    @kernel.register
    def _(self, operation: Mean) -> None:
        """GlobalAveragePool, the only mean that ONNX Runtime takes in integers.

        A mean over one axis makes channels of the other one, so that what is averaged is the whole map: pooled to
        (1, C, 1, 1) with the output's quantization, or (1, C F, 1, 1) and (1, C T, 1, 1) for one axis.
        """
        name, shape = operation.output, self.program.values[operation.output].shape
        source = operation.input
        channels, bands, frames = self.program.values[source].shape
        if operation.axes == (1,):
            source = self.graph.node("Transpose", [source], f"{name}/transposed", perm=(0, 1, 3, 2))
            source = self._reshape(source, f"{name}/rows", (channels * frames, 1, bands))
        elif operation.axes == (2,):
            source = self._reshape(source, f"{name}/rows", (channels * bands, 1, frames))
        pooled = name if shape == (channels, 1, 1) else f"{name}/pooled"
        if self.program.quantized:
            real = self.graph.node("DequantizeLinear", [source, *self.grid(operation.input)], f"{name}/input0")
            result = self.graph.node("GlobalAveragePool", [real], f"{name}/real")
            self.graph.node("QuantizeLinear", [result, *self.grid(name)], pooled)
        else:
            self.graph.node("GlobalAveragePool", [source], pooled)
        if pooled != name:
            self._reshape(pooled, name, shape)

    def _inputs(self, operation: Operation) -> list[Tensor]:
        return [Tensor(name, (1, *self.program.values[name].shape)) for name in operation.inputs]

    def _weights(self, operation: Convolution) -> list[str]:
        names = []
        for part, values in (("weight", operation.weight), ("bias", operation.bias)):
            constant = self.graph.constant(f"{operation.output}/{part}", values)
            if operation.weight_scale is not None:
                scale = operation.weight_scale.reshape(()) if operation.shared_step else operation.weight_scale
                if part == "bias":
                    scale = np.float32(self.program.quantization(operation.input).scale) * scale
                scale_name = self.graph.constant(f"{operation.output}/{part}_scale", scale)
                constant_real = f"{operation.output}/{part}_real"
                constant = self.graph.node("DequantizeLinear", [constant, scale_name], constant_real, axis=0)
            names.append(constant)
        return names

    def _write(self, kind: str, inputs: list[str], operation: Operation, **attributes: Any) -> None:
        """The node that computes an operation, and behind it the ReLU, or the quantization.

        An integer ReLU is the clamp at the zero point: free where that is the lowest integer, else the larger of both.
        """
        name, quantized = operation.output, self.program.quantized
        real = f"{name}/real" if quantized or operation.rectified else name
        self.graph.node(kind, inputs, real, **attributes)
        if quantized:
            scale, zero_point = self.grid(name)
            clamped = operation.rectified and self.program.quantization(name).zero_point != INT8_MIN
            result = f"{name}/unclamped" if clamped else name
            self.graph.node("QuantizeLinear", [real, scale, zero_point], result)
            if clamped:
                self.graph.node("Max", [result, zero_point], name)
        elif operation.rectified:
            self.graph.node("Relu", [real], name)

    def _reshape(self, source: str, result: str, shape: tuple[int, ...]) -> str:
        """The numbers of a value in the order they have, as `result` of this shape but for the batch."""
        name = "shape/" + "x".join(str(length) for length in shape)
        return self.graph.node("Reshape", [source, self.graph.constant(name, np.array([1, *shape], np.int64))], result)
