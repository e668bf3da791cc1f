"""Writes small but real .tflite and .onnx files, float and INT8, for the tests of the device half.

The network: PAD, CONV_2D 3x3 stride 2 (4 channels, ReLU), DEPTHWISE_CONV_2D 3x3 (same padding), ADD, CONV_2D 1x1 to
K classes, MEAN over both axes: (1, F, T, 1) -> (1, K). Weights are random; the INT8 files share scales and integers.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ai_edge_litert.schema_py_generated as schema
import flatbuffers
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

F, T, CHANNELS, CLASSES = 8, 6, 4, 3
INPUT_SCALE, INPUT_ZERO, HIDDEN_SCALE, HIDDEN_ZERO, OUTPUT_SCALE, OUTPUT_ZERO = 0.03, 5, 0.05, -10, 0.125, 3
TYPES = {
    "float32": "FLOAT32",
    "float16": "FLOAT16",
    "int8": "INT8",
    "int32": "INT32",
    "bool": "BOOL",
    "complex64": "COMPLEX64",
}


class Flatbuffer:
    """Collects tensors and operations of one .tflite graph."""

    def __init__(self, version: int = 3) -> None:
        self.version = version  # of every operation
        self.graph: Any = schema.SubGraphT()  # the schema types its fields as always optional
        self.graph.tensors, self.graph.operators, self.graph.name = [], [], b"main"
        self.codes: list[int] = []
        self.buffers = [schema.BufferT()]

    def tensor(
        self, name: str, shape: tuple[int, ...], dtype: str, data: Any = None, grid: tuple[Any, int] | None = None
    ) -> int:
        """Add a tensor; `data` makes it a constant, `grid` = (scale or scales, zero point) quantizes it."""
        tensor: Any = schema.TensorT()
        tensor.name, tensor.shape = name.encode(), list(shape)
        tensor.type = getattr(schema.TensorType, TYPES[dtype])
        if grid is not None:
            scales = np.atleast_1d(np.asarray(grid[0], np.float32))
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = scales.tolist()
            tensor.quantization.zeroPoint = [grid[1]] * len(scales)
        if data is not None:
            buffer: Any = schema.BufferT()
            buffer.data = np.frombuffer(np.asarray(data, dtype).tobytes(), np.uint8)
            self.buffers.append(buffer)
            tensor.buffer = len(self.buffers) - 1
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operation(self, code: str, inputs: list[int], outputs: list[int], **options: Any) -> None:
        """Add an operation; an input of -1 is an optional one that is left out."""
        operator: Any = schema.OperatorT()
        operator.inputs, operator.outputs = inputs, outputs
        number = getattr(schema.BuiltinOperator, code)
        if number not in self.codes:
            self.codes.append(number)
        operator.opcodeIndex = self.codes.index(number)
        if options:
            kind = options.pop("kind")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            operator.builtinOptions = getattr(schema, kind + "T")()
            for key, value in options.items():
                setattr(operator.builtinOptions, key, value)
        self.graph.operators.append(operator)

    def write(self, path: Path, inputs: list[int], outputs: list[int]) -> None:
        model: Any = schema.ModelT()
        model.version = 3
        model.operatorCodes = []
        for number in self.codes:
            code: Any = schema.OperatorCodeT()
            code.builtinCode, code.version = number, self.version
            code.deprecatedBuiltinCode = min(number, 127)  # the old one-byte field, as real converters fill it
            model.operatorCodes.append(code)
        self.graph.inputs, self.graph.outputs = inputs, outputs
        model.subgraphs, model.buffers = [self.graph], self.buffers
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        path.write_bytes(bytes(builder.Output()))


@dataclass(frozen=True)
class Weights:
    """Integer weights with per-channel scales; the float files hold their real values."""

    first: np.ndarray  # (CHANNELS, 3, 3, 1)
    depthwise: np.ndarray  # (1, 3, 3, CHANNELS)
    last: np.ndarray  # (CLASSES, 1, 1, CHANNELS)
    first_scale: np.ndarray
    depthwise_scale: np.ndarray
    last_scale: np.ndarray
    last_bias: np.ndarray  # (CLASSES,) int32


def random_weights(seed: int = 1) -> Weights:
    generator = np.random.default_rng(seed)

    def integers(*shape: int) -> np.ndarray:
        return generator.integers(-127, 128, shape).astype(np.int8)

    def scales(count: int) -> np.ndarray:
        return generator.uniform(0.004, 0.01, count).astype(np.float32)

    return Weights(
        first=integers(CHANNELS, 3, 3, 1),
        depthwise=integers(1, 3, 3, CHANNELS),
        last=integers(CLASSES, 1, 1, CHANNELS),
        first_scale=scales(CHANNELS),
        depthwise_scale=scales(CHANNELS),
        last_scale=scales(CLASSES),
        last_bias=generator.integers(-500, 500, CLASSES).astype(np.int32),
    )


def write_tflite(path: Path, integer: bool, weights: Weights) -> None:
    """The network as a .tflite of builtin operations, int8 or float32 in and out."""
    file, kind = Flatbuffer(), "int8" if integer else "float32"

    def value(name: str, shape: tuple[int, ...], scale: float, zero: int) -> int:
        return file.tensor(name, shape, kind, grid=(scale, zero) if integer else None)

    def weight(name: str, held: np.ndarray, scale: np.ndarray, axis: int) -> int:
        if not integer:
            aligned = scale.reshape([-1 if d == axis else 1 for d in range(4)])
            return file.tensor(name, held.shape, kind, held * aligned)
        index = file.tensor(name, held.shape, kind, held, (scale, 0))
        file.graph.tensors[index].quantization.quantizedDimension = axis
        return index

    def bias(name: str, held: np.ndarray, grid: np.ndarray) -> int:
        if integer:
            return file.tensor(name, held.shape, "int32", held, (grid, 0))
        return file.tensor(name, held.shape, "float32", held * grid)

    image = value("image", (1, F, T, 1), INPUT_SCALE, INPUT_ZERO)
    padded = value("padded", (1, F + 2, T + 2, 1), INPUT_SCALE, INPUT_ZERO)
    pads = file.tensor("pads", (4, 2), "int32", [[0, 0], [1, 1], [1, 1], [0, 0]])
    file.operation("PAD", [image, pads], [padded])
    small = (1, F // 2, T // 2, CHANNELS)
    first = value("first", small, HIDDEN_SCALE, HIDDEN_ZERO)
    zero = np.zeros(CHANNELS, np.int32)
    operands = [weight("first/w", weights.first, weights.first_scale, 0)]
    operands.append(bias("first/b", zero, INPUT_SCALE * weights.first_scale))
    convolution = {"kind": "Conv2DOptions", "strideH": 2, "strideW": 2, "padding": schema.Padding.VALID}
    file.operation("CONV_2D", [padded, *operands], [first], fusedActivationFunction=1, **convolution)
    second = value("second", small, HIDDEN_SCALE, HIDDEN_ZERO)
    operands = [weight("second/w", weights.depthwise, weights.depthwise_scale, 3)]
    operands.append(bias("second/b", zero, HIDDEN_SCALE * weights.depthwise_scale))
    depthwise = {"kind": "DepthwiseConv2DOptions", "strideH": 1, "strideW": 1, "depthMultiplier": 1}
    file.operation("DEPTHWISE_CONV_2D", [first, *operands], [second], **depthwise)
    added = value("added", small, HIDDEN_SCALE, HIDDEN_ZERO)
    file.operation("ADD", [first, second], [added], kind="AddOptions")
    last = value("last", (*small[:3], CLASSES), OUTPUT_SCALE, OUTPUT_ZERO)
    operands = [weight("last/w", weights.last, weights.last_scale, 0)]
    operands.append(bias("last/b", weights.last_bias, HIDDEN_SCALE * weights.last_scale))
    file.operation("CONV_2D", [added, *operands], [last], kind="Conv2DOptions", strideH=1, strideW=1)
    logits = value("logits", (1, CLASSES), OUTPUT_SCALE, OUTPUT_ZERO)
    axes = file.tensor("axes", (2,), "int32", [1, 2])
    file.operation("MEAN", [last, axes], [logits], kind="ReducerOptions", keepDims=False)
    file.write(path, [image], [logits])


def write_onnx(path: Path, integer: bool, weights: Weights) -> None:
    """The classifier part alone (1x1 convolution of the mean) as an .onnx, uint8 or float in and out."""
    real = (weights.last * weights.last_scale[:, None, None, None]).astype(np.float32).reshape(CLASSES, CHANNELS)
    spread = np.repeat(real.mean(axis=1)[:, None], F * T, axis=1) * np.linspace(-1, 1, F * T, dtype=np.float32)
    constants = {"w": spread.T.astype(np.float32), "flat": np.array([1, F * T], np.int64)}
    nodes = [helper.make_node("Reshape", ["x", "flat"], ["v"]), helper.make_node("MatMul", ["v", "w"], ["y"])]
    names, kind = ("x", "y"), TensorProto.FLOAT
    if integer:
        for side, scale, zero in (("in", INPUT_SCALE, INPUT_ZERO), ("out", OUTPUT_SCALE, OUTPUT_ZERO)):
            constants |= {f"{side}_scale": np.float32(scale), f"{side}_zero": np.uint8(zero + 128)}
        nodes.insert(0, helper.make_node("DequantizeLinear", ["input", "in_scale", "in_zero"], ["x"]))
        nodes.append(helper.make_node("QuantizeLinear", ["y", "out_scale", "out_zero"], ["output"]))
        names, kind = ("input", "output"), TensorProto.UINT8
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(names[0], kind, [1, 1, F, T])],
        [helper.make_tensor_value_info(names[1], kind, [1, CLASSES])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if integer:
        grids = {"input_scale": INPUT_SCALE, "input_zero_point": INPUT_ZERO + 128}
        grids |= {"output_scale": OUTPUT_SCALE, "output_zero_point": OUTPUT_ZERO + 128}
        helper.set_model_props(model, {key: str(value) for key, value in grids.items()})
    onnx.save(model, path)
