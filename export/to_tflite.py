"""The TFLite emitter: a program as a flatbuffer of builtin operators.

An INT8 ReLU costs nothing: it is the clamp of the operator before it. A stride of 2 with torch's symmetric padding is
PAD and a VALID convolution, since SAME pads even sizes on one side only.

Shapes: TFLite is channels last: (1, F, T, C) activations, (O, kernel F, kernel T, C / groups) weights,
(1, kernel F, kernel T, O) depthwise weights.
"""

from functools import singledispatchmethod

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from compress.arithmetic.arithmetic import CHANNELS_LAST, Arithmetic, Tensor
from compress.operations.addition import Addition
from compress.operations.convolution import Convolution
from compress.operations.formula import Formula, Movement
from compress.operations.mean import Mean
from compress.operations.operation import Operation
from compress.program import Program
from compress.quantization import INT8_MIN
from export.emitter import Emitter, Step
from export.metadata import TfliteMetadata
from export.tflite.arithmetic import TfliteArithmetic, TfliteMoves
from export.tflite.columns import Columns, group_frames
from export.tflite.graph import Graph, vector


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
    emitter = TfliteEmitter(program, graph, source)
    emitter.emit()
    return emitter.index[program.output]


class TfliteEmitter(Emitter):
    """The graph so far, and which tensor holds which value."""

    axes = CHANNELS_LAST

    def __init__(self, program: Program, graph: Graph, source: int) -> None:
        super().__init__(program)
        self.graph = graph
        self.index = {program.input: source}
        """Tensors of the values that there are already."""

    def arithmetic(self, name: str) -> TfliteArithmetic:
        return TfliteArithmetic(self.graph)

    def reals(self, operation: Operation) -> list[Tensor]:
        inputs = self._inputs(operation)
        if not self.program.quantized:
            return inputs
        reals = [Tensor(self.graph.activation("dequantize", x.shape, None), x.shape) for x in inputs]
        for x, real in zip(inputs, reals, strict=True):
            self.graph.operator("DEQUANTIZE", [x.key], real.key, "DequantizeOptions")
        return reals

    def finish(self, operation: Formula, do: Arithmetic, result: Tensor) -> None:
        found = self.program.values[operation.output].quantization
        if operation.rectified and (found is None or found.zero_point != INT8_MIN):
            result = do.relu(result)  # else QUANTIZE clamps there
        if found is None:
            self.index[operation.output] = result.key
        else:
            self.graph.operator("QUANTIZE", [result.key], self._output(operation), "QuantizeOptions")

    def integers(self, do: Arithmetic, operation: Operation, number: int) -> Tensor:
        x, found = self._inputs(operation)[number], self.program.quantization(operation.inputs[number])
        if found.wide:
            return x
        real = Tensor(self.graph.activation("dequantize", x.shape, None), x.shape)
        self.graph.operator("DEQUANTIZE", [x.key], real.key, "DequantizeOptions")
        return do.rounded(do.times(real, 1 / found.scale))

    def finish_integers(self, operation: Operation, result: Tensor) -> None:
        if self.program.quantization(operation.output).wide:
            self.index[operation.output] = result.key
        else:
            self.graph.operator("QUANTIZE", [result.key], self._output(operation), "QuantizeOptions")

    def move(self, operation: Movement) -> None:
        """The operators of its lines, the last under the name of the value.

        The order in which tensors and constants are made shows in the bytes of a file, so it stays as it is.
        """
        do, name = TfliteMoves(self.graph), operation.output
        result = operation.move(do, self._inputs(operation), self.axes)
        if not do.steps:
            self.index[name] = result.key
            return
        for number, step in enumerate(do.steps[:-1]):
            if step.kind != "CONCATENATION":
                step.key = self._like(name, f"{name}/rows{number}", step.shape)
        for step in do.steps:
            if step.kind in ("RESHAPE", "PAD"):
                self._fill(operation, step, do.steps[-1])
            constants = [self.graph.constant(*named) for named in step.constants.items()]
            self._fill(operation, step, do.steps[-1])
            self.graph.operator(step.kind, [*step.keys, *constants], step.key, **step.fields)
        self.index[name] = do.steps[-1].key

    def _fill(self, operation: Movement, step: Step, last: Step) -> None:
        """Make the tensor that a step of a movement fills, where there is none yet."""
        if step.key is None:
            name = operation.output if step is last else f"{operation.output}/joined"
            name = f"{operation.inputs[0]}/padded" if step.kind == "PAD" else name
            step.key = self._like(operation.output, name, step.shape)

    @singledispatchmethod
    def kernel(self, operation: Operation) -> None:
        raise TypeError(f"no TFLite emitter is registered for {type(operation).__name__}")

    @kernel.register
    def _(self, operation: Addition) -> None:
        """ADD; its ReLU is its own activation function, in INT8 the clamp at the zero point."""
        output, function = self._output(operation), _activation(operation.relu)
        self.graph.operator("ADD", self._keys(operation), output, "AddOptions", FusedActivationFunction=function)

    @kernel.register
    def _(self, operation: Mean) -> None:
        """MEAN: (1, F, T, C) to (1, C), or to the same with axes of length 1."""
        inputs = [*self._keys(operation), self.graph.constant("axes", vector(*operation.axes))]
        self.graph.operator("MEAN", inputs, self._output(operation), "ReducerOptions", KeepDims=operation.keep)

    @kernel.register
    def _(self, operation: Convolution) -> None:
        """CONV_2D, also in groups, or DEPTHWISE_CONV_2D; over columns of frames where it has few channels."""
        columns = group_frames(operation, self.program.values[operation.input].shape[2])
        if columns is not None:
            self._over_columns(operation, columns)
            return
        source, (pad_f, pad_t) = self.index[operation.input], operation.padding
        reach_f, reach_t = ((operation.weight.shape[axis + 2] - 1) * operation.dilation[axis] for axis in (0, 1))
        same = operation.stride == (1, 1) and (2 * pad_f, 2 * pad_t) == (reach_f, reach_t)
        if (pad_f or pad_t) and not same:
            shape = self.program.values[operation.input].shape
            source = self._pad(source, operation.input, shape, (pad_f, pad_f), (pad_t, pad_t))
        self._convolve(operation, source, self._output(operation), same)

    def _over_columns(self, operation: Convolution, columns: Columns) -> None:
        """The stem: frames gathered into columns, convolved, and laid out as frames again."""
        channels, frequencies, frames = self.program.values[operation.input].shape
        shape = (channels * columns.frames, frequencies, frames // columns.frames)
        source = self._like(operation.input, f"{operation.input}/columns", _channels_last(shape))
        self._reshape(self.index[operation.input], source, shape)
        pad = operation.padding[0]
        source = self._pad(source, operation.input, shape, (pad, pad), (columns.left, columns.right))
        shape = self.program.values[operation.output].shape
        wide_channels = len(columns.convolution.weight)
        wide_shape = (wide_channels, shape[1], shape[2] * shape[0] // wide_channels)
        wide = self._like(operation.output, f"{operation.output}/columns", _channels_last(wide_shape))
        self._convolve(columns.convolution, source, wide, same=False)
        self._reshape(wide, self._output(operation), shape)

    def _convolve(self, operation: Convolution, source: int, output: int, same: bool) -> None:
        depthwise, graph = operation.depthwise, self.graph
        kind, options = ("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions") if depthwise else ("CONV_2D", "Conv2DOptions")
        weight = operation.weight.transpose(1, 2, 3, 0) if depthwise else operation.weight.transpose(0, 2, 3, 1)
        scale, given = operation.weight_scale, self.program.values[operation.input].quantization
        inputs = [
            source,
            graph.constant("weight", weight, scale, 3 if depthwise else 0),
            graph.constant(
                "bias", operation.bias, None if scale is None or given is None else np.float32(given.scale) * scale
            ),
        ]
        graph.operator(
            kind,
            inputs,
            output,
            options,
            Padding=schema.Padding.SAME if same else schema.Padding.VALID,
            StrideH=operation.stride[0],
            StrideW=operation.stride[1],
            DilationHFactor=operation.dilation[0],
            DilationWFactor=operation.dilation[1],
            FusedActivationFunction=_activation(operation.relu),
            **({"DepthMultiplier": len(operation.weight) // operation.groups} if depthwise else {}),
        )

    def _keys(self, operation: Operation) -> list[int]:
        """The tensors that an operation reads."""
        return [self.index[name] for name in operation.inputs]

    def _inputs(self, operation: Operation) -> list[Tensor]:
        """The same with their shapes."""
        shapes = [_channels_last(self.program.values[name].shape) for name in operation.inputs]
        return [Tensor(key, shape) for key, shape in zip(self._keys(operation), shapes, strict=True)]

    def _output(self, operation: Operation) -> int:
        """A new tensor for what an operation makes."""
        name = operation.output
        self.index[name] = self._like(name, name, _channels_last(self.program.values[name].shape))
        return self.index[name]

    def _like(self, value: str, name: str, shape: tuple[int, ...]) -> int:
        """A new tensor of this shape with the quantization of a value of the program."""
        found = self.program.values[value].quantization
        return self.graph.activation(name, shape, None if found is None or found.wide else found)

    def _pad(
        self, source: int, value: str, shape: tuple[int, ...], frequencies: tuple[int, int], frames: tuple[int, int]
    ) -> int:
        """Zeros around F and T of a tensor of this shape; in int8, TFLite pads with the zero point of the value."""
        if not any((*frequencies, *frames)):
            return source
        paddings = np.array([(0, 0), frequencies, frames, (0, 0)], np.int32)
        padded = (1, shape[1] + sum(frequencies), shape[2] + sum(frames), shape[0])
        output = self._like(value, f"{value}/padded", padded)
        self.graph.operator("PAD", [source, self.graph.constant("paddings", paddings)], output, "PadOptions")
        return output

    def _reshape(self, source: int, output: int, shape: tuple[int, ...]) -> None:
        """The numbers of a tensor in the order they have, as `output` of the shape (C, F, T)."""
        new_shape = self.graph.constant("shape", vector(*_channels_last(shape)))
        self.graph.operator("RESHAPE", [source, new_shape], output, "ReshapeOptions")


def _channels_last(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(C, F, T) or (K,) of a program's value to the shape of its tensor."""
    return (1, *shape[1:], shape[0])


def _activation(relu: bool) -> int:
    """What the schema calls an operator's own ReLU, or none."""
    kinds = schema.ActivationFunctionType
    return kinds.RELU if relu else kinds.NONE
