"""The TFLite emitter: a program as a flatbuffer of builtin operators.

Six kinds of operator are enough: PAD, CONV_2D, DEPTHWISE_CONV_2D, ADD, MEAN, and RESHAPE around the stem; a response
norm has its own, in float32 between DEQUANTIZE and QUANTIZE. A stride of 2 with torch's symmetric padding is PAD and a
VALID convolution, since TFLite's SAME pads even sizes on one side only. An INT8 ReLU costs nothing: it is the clamp of
the operator before it.

Shapes: TFLite is channels last: (1, F, T, C) activations, (O, kernel F, kernel T, C) weights, (1, kernel F, kernel T,
C) depthwise weights, (1, K) logits.
"""

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from compress.operations.addition import Addition
from compress.operations.convolution import Convolution
from compress.operations.mean import Mean
from compress.operations.operation import Operation
from compress.operations.response_norm import ResponseNorm
from compress.program import Program
from export.columns import Columns, group_frames
from export.flatbuffer import vector
from export.front_end.operations import Tensor
from export.front_end.tflite_operations import TfliteOperations
from export.metadata.tflite_metadata import TfliteMetadata
from export.response_norm import Axes, response_norm
from export.tflite_graph import Graph

AXES = Axes(channel=3, frequency=1, time=2)


def to_tflite(program: Program, metadata: TfliteMetadata | None = None, float16: bool = False) -> bytes:
    """The .tflite file of a program: float32 in and out for a float program, int8 for an INT8 program.

    Args:
        program: float or INT8.
        metadata: what the file says about itself.
        float16: store the weights of a float program as float16.
    """
    graph = Graph()
    graph.float16 = float16
    source = input_tensor(program, graph)
    return graph.file([source], [emit(program, graph, source)], metadata)


def input_tensor(program: Program, graph: Graph) -> int:
    """A tensor that a program can take as its input."""
    value = program.values[program.input]
    return graph.activation(value.name, _channels_last(value.shape), value.quantization)


def emit(program: Program, graph: Graph, source: int) -> int:
    """Add a program that reads the tensor `source` to a graph; returns the tensor of its output."""
    emitter = _Emitter(program, graph, source)
    for operation in program.operations:
        emitter.operation(operation)
    return emitter.index[program.output]


class _Emitter:
    def __init__(self, program: Program, graph: Graph, source: int):
        self.program = program
        self.graph = graph
        self.index = {program.input: source}

    def operation(self, operation: Operation) -> None:
        if isinstance(operation, Convolution):
            frames = self.program.values[operation.input].shape[2]
            columns = group_frames(operation, frames)
            if columns is None:
                self._convolution(operation)
            else:
                self._columns(operation, columns)
        elif isinstance(operation, Addition):
            inputs = [self.index[name] for name in operation.inputs]
            activation = _activation(operation.relu)
            self.graph.operator(
                "ADD", inputs, self._output(operation), "AddOptions", FusedActivationFunction=activation
            )
        elif isinstance(operation, Mean):
            inputs = [self.index[operation.input], self.graph.constant("axes", vector(1, 2))]
            self.graph.operator("MEAN", inputs, self._output(operation), "ReducerOptions", KeepDims=False)
        elif isinstance(operation, ResponseNorm):
            self._response_norm(operation)

    def _response_norm(self, operation: ResponseNorm) -> None:
        operations, shape = TfliteOperations(self.graph), _channels_last(self.program.values[operation.output].shape)
        keys = [self.index[name] for name in operation.inputs]
        if self.program.quantized:
            reals = [self.graph.activation("dequantize", shape, None) for _ in keys]
            for key, real in zip(keys, reals, strict=True):
                self.graph.operator("DEQUANTIZE", [key], real, "DequantizeOptions")
            keys = reals
        result = response_norm(operations, operation, [Tensor(key, shape) for key in keys], AXES)
        if self.program.quantized:
            self.graph.operator("QUANTIZE", [result.key], self._output(operation), "QuantizeOptions")
        else:
            self.index[operation.output] = (operations.relu(result) if operation.relu else result).key

    def _convolution(self, operation: Convolution) -> None:
        source, (pad_f, pad_t) = self.index[operation.input], operation.padding
        same = operation.stride == (1, 1) and (2 * pad_f + 1, 2 * pad_t + 1) == operation.weight.shape[2:]
        if (pad_f or pad_t) and not same:
            shape = self.program.values[operation.input].shape
            source = self._pad(source, operation.input, shape, (pad_f, pad_f), (pad_t, pad_t))
        self._convolve(operation, source, self._output(operation), same)

    def _columns(self, operation: Convolution, columns: Columns) -> None:
        """The stem: frames gathered into columns, convolved, and laid out as frames again."""
        channels, frequencies, frames = self.program.values[operation.input].shape
        shape = (channels * columns.frames, frequencies, frames // columns.frames)
        source = self._like(operation.input, f"{operation.input}/columns", shape)
        self._reshape(self.index[operation.input], source, shape)
        pad = operation.padding[0]
        source = self._pad(source, operation.input, shape, (pad, pad), (columns.left, columns.right))
        shape = self.program.values[operation.output].shape
        wide_shape = (len(columns.convolution.weight), shape[1], frames // columns.frames)
        wide = self._like(operation.output, f"{operation.output}/columns", wide_shape)
        self._convolve(columns.convolution, source, wide, same=False)
        self._reshape(wide, self._output(operation), shape)

    def _convolve(self, operation: Convolution, source: int, output: int, same: bool) -> None:
        depthwise = operation.depthwise
        kind, options = ("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions") if depthwise else ("CONV_2D", "Conv2DOptions")
        weight = operation.weight.transpose(1, 2, 3, 0) if depthwise else operation.weight.transpose(0, 2, 3, 1)
        inputs = [
            source,
            self.graph.constant("weight", weight, operation.weight_scale, 3 if depthwise else 0),
            self.graph.constant("bias", operation.bias, self._bias_scale(operation)),
        ]
        self.graph.operator(
            kind,
            inputs,
            output,
            options,
            Padding=schema.Padding.SAME if same else schema.Padding.VALID,
            StrideH=operation.stride[0],
            StrideW=operation.stride[1],
            FusedActivationFunction=_activation(operation.relu),
            **({"DepthMultiplier": 1} if depthwise else {}),
        )

    def _pad(
        self, source: int, value: str, shape: tuple[int, ...], frequencies: tuple[int, int], frames: tuple[int, int]
    ) -> int:
        """Zeros around F and T; in int8, TFLite pads with the zero point."""
        paddings = np.array([(0, 0), frequencies, frames, (0, 0)], np.int32)
        padded = (shape[0], shape[1] + sum(frequencies), shape[2] + sum(frames))
        output = self._like(value, f"{value}/padded", padded)
        self.graph.operator("PAD", [source, self.graph.constant("paddings", paddings)], output, "PadOptions")
        return output

    def _reshape(self, source: int, output: int, shape: tuple[int, ...]) -> None:
        new_shape = self.graph.constant("shape", vector(*_channels_last(shape)))
        self.graph.operator("RESHAPE", [source, new_shape], output, "ReshapeOptions")

    def _bias_scale(self, operation: Convolution) -> NDArray[np.float32] | None:
        found = self.program.values[operation.input].quantization
        if operation.weight_scale is None or found is None:
            return None
        return np.float32(found.scale) * operation.weight_scale

    def _output(self, operation: Operation) -> int:
        name = operation.output
        self.index[name] = self._like(name, name, self.program.values[name].shape)
        return self.index[name]

    def _like(self, value: str, name: str, shape: tuple[int, ...]) -> int:
        """A tensor with the quantization of a value of the program."""
        return self.graph.activation(name, _channels_last(shape), self.program.values[value].quantization)


def _channels_last(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (1, *shape[1:], shape[0])


def _activation(relu: bool) -> int:
    kinds = schema.ActivationFunctionType
    return kinds.RELU if relu else kinds.NONE
