"""Float32 operators as TFLite's, each of them one that XNNPACK takes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from compress.arithmetic.arithmetic import Arithmetic, Geometry, Kind, Reduction, Tensor
from export.emitter import Step
from export.tflite.graph import Graph, vector

XNNPACK_PARTS = 4
"""XNNPACK joins up to five tensors; one more, and the operator falls out of the delegated graph."""
_PLAIN: dict[Kind, tuple[str, str | None]] = {
    "add": ("ADD", "AddOptions"),
    "subtract": ("SUB", "SubOptions"),
    "multiply": ("MUL", "MulOptions"),
    "divide": ("DIV", "DivOptions"),
    "minimum": ("MINIMUM", "MaximumMinimumOptions"),
    "maximum": ("MAXIMUM", "MaximumMinimumOptions"),
    "log": ("LOG", None),
    "exponential": ("EXP", "ExpOptions"),
    "logistic": ("LOGISTIC", None),
    "floor": ("FLOOR", None),
    "square_root": ("SQRT", None),
    "relu": ("RELU", None),
}
_REDUCTIONS: dict[Reduction, str] = {"sum": "SUM", "mean": "MEAN", "largest": "REDUCE_MAX"}


class TfliteArithmetic(Arithmetic):
    """Adds to a .tflite graph."""

    def __init__(self, graph: Graph):
        self.graph = graph

    def constant(self, values: NDArray[Any]) -> Tensor:
        return Tensor(self.graph.constant("constant", values), values.shape)

    def _reshape(self, source: Tensor, asked: tuple[int, ...], shape: tuple[int, ...]) -> Tensor:
        return self._write("RESHAPE", [source], shape, "ReshapeOptions", {"shape": vector(*shape)})

    def transpose(self, source: Tensor, permutation: tuple[int, ...]) -> Tensor:
        shape = tuple(source.shape[axis] for axis in permutation)
        return self._write("TRANSPOSE", [source], shape, "TransposeOptions", {"order": vector(*permutation)})

    def times_matrix(self, source: Tensor, matrix: NDArray[Any]) -> Tensor:
        inputs = [source, self.constant(np.ascontiguousarray(matrix.T))]
        shape = (*source.shape[:-1], matrix.shape[1])
        return self._write("FULLY_CONNECTED", inputs, shape, "FullyConnectedOptions", KeepNumDims=True)

    def convolve(
        self, source: Tensor, weight: NDArray[np.int8], bias: NDArray[Any] | None, geometry: Geometry
    ) -> Tensor:
        zeros, depthwise = np.zeros(len(weight)) if bias is None else bias, geometry.depthwise(weight.shape)
        inputs = [
            self._padded(source, geometry.padding),
            self._stored_as_int8(weight.transpose((1, 2, 3, 0) if depthwise else (0, 2, 3, 1))),
            self.constant(zeros.astype(np.float32)),
        ]
        kind, options = ("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions") if depthwise else ("CONV_2D", "Conv2DOptions")
        steps: dict[str, Any] = dict(zip(("StrideH", "StrideW"), geometry.stride, strict=True))
        steps |= dict(zip(("DilationHFactor", "DilationWFactor"), geometry.dilation, strict=True))
        several: dict[str, Any] = {"DepthMultiplier": len(weight) // geometry.groups} if depthwise else {}
        shape = (source.shape[0], *geometry.size(source.shape[1:3], weight.shape), len(weight))
        return self._write(kind, inputs, shape, options, Padding=schema.Padding.VALID, **steps, **several)

    def pad_bands(self, source: Tensor, rows: int) -> Tensor:
        return self._padded(source, (rows, 0))

    def max_pool(self, source: Tensor, kernel: tuple[int, int], stride: tuple[int, int]) -> Tensor:
        size = Geometry(stride, (0, 0), (1, 1), 1).size(source.shape[1:3], (0, 0, *kernel))
        return self._write(
            "MAX_POOL_2D",
            [source],
            (source.shape[0], *size, source.shape[3]),
            "Pool2DOptions",
            Padding=schema.Padding.VALID,
            StrideH=stride[0],
            StrideW=stride[1],
            FilterHeight=kernel[0],
            FilterWidth=kernel[1],
        )

    def _stored_as_int8(self, integers: NDArray[np.int8]) -> Tensor:
        """A constant in float32, stored in a quarter of its bytes."""
        stored = Tensor(self.graph.constant("integers", integers, np.ones(1, np.float32)), integers.shape)
        return self._write("DEQUANTIZE", [stored], integers.shape, "DequantizeOptions")

    def _padded(self, source: Tensor, padding: tuple[int, int]) -> Tensor:
        if not any(padding):
            return source
        (pad_f, pad_t), (batch, frequencies, frames, channels) = padding, source.shape
        around = np.array([(0, 0), (pad_f, pad_f), (pad_t, pad_t), (0, 0)], np.int32)
        shape = (batch, frequencies + 2 * pad_f, frames + 2 * pad_t, channels)
        return self._write("PAD", [source], shape, "PadOptions", {"paddings": around})

    def _plain(self, kind: Kind, inputs: Sequence[Tensor], shape: tuple[int, ...]) -> Tensor:
        name, options = _PLAIN[kind]
        return self._write(name, inputs, shape, options)

    def _reduce(self, kind: Reduction, source: Tensor, axes: tuple[int, ...], shape: tuple[int, ...]) -> Tensor:
        constants = {"axes": vector(*axes)}
        return self._write(_REDUCTIONS[kind], [source], shape, "ReducerOptions", constants, KeepDims=True)

    def _narrow(self, source: Tensor, axis: int, start: int, shape: tuple[int, ...]) -> Tensor:
        begin = tuple(start if place == axis else 0 for place in range(len(shape)))
        return self._write("SLICE", [source], shape, "SliceOptions", {"begin": vector(*begin), "size": vector(*shape)})

    def _concatenate(self, parts: Sequence[Tensor], axis: int, shape: tuple[int, ...]) -> Tensor:
        if len(parts) > XNNPACK_PARTS:
            fewer = [self.concatenate(parts[i : i + XNNPACK_PARTS], axis) for i in range(0, len(parts), XNNPACK_PARTS)]
            return self.concatenate(fewer, axis)
        return self._write("CONCATENATION", parts, shape, "ConcatenationOptions", Axis=axis)

    def _matmul(self, left: Tensor, right: Tensor, shape: tuple[int, ...]) -> Tensor:
        return self._write("BATCH_MATMUL", [left, right], shape, "BatchMatMulOptions")

    def _write(
        self,
        kind: str,
        inputs: Sequence[Tensor],
        shape: tuple[int, ...],
        options: str | None = None,
        constants: dict[str, NDArray[np.int32]] | None = None,
        **fields: Any,
    ) -> Tensor:
        """An operator of `inputs` and of `constants`, which are integers by what they are."""
        keys = [tensor.key for tensor in inputs]
        for name, values in (constants or {}).items():
            keys.append(self.graph.constant(name if name == "paddings" else "vector", values))
        output = self.graph.activation(kind.lower(), shape, None)
        self.graph.operator(kind, keys, output, options, **fields)
        return Tensor(output, shape)


class TfliteMoves(TfliteArithmetic):
    """Notes operators that move numbers, until it is known which is the last (`to_tflite.TfliteEmitter.move`)."""

    def __init__(self, graph: Graph):
        super().__init__(graph)
        self.steps: list[Step] = []

    def _concatenate(self, parts: Sequence[Tensor], axis: int, shape: tuple[int, ...]) -> Tensor:
        """In several steps where there are more parts than XNNPACK joins at once."""
        if len(parts) > XNNPACK_PARTS:
            return self.concatenate([self.concatenate(parts[:XNNPACK_PARTS], axis), *parts[XNNPACK_PARTS:]], axis)
        return super()._concatenate(parts, axis, shape)

    def _write(
        self,
        kind: str,
        inputs: Sequence[Tensor],
        shape: tuple[int, ...],
        options: str | None = None,
        constants: dict[str, NDArray[np.int32]] | None = None,
        **fields: Any,
    ) -> Tensor:
        self.steps.append(Step(kind, inputs, shape, {"options": options, **fields}, constants or {}))
        return Tensor(self.steps[-1], shape)
