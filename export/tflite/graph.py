"""Tensors and operators of one TFLite subgraph, on their way to a flatbuffer in which equal constants, vectors, strings
and tables are stored once.

The words are those of the schema that ai-edge-litert ships.
"""

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from compress.quantization import Quantization
from export.metadata import BUFFER, TfliteMetadata

# Weights are read in place by the kernels, which want 16-byte alignment (`force_align` in the schema).
BUFFER_ALIGNMENT = 16


class Writer:
    """A flatbuffer builder that remembers what it has written."""

    def __init__(self) -> None:
        self.builder = flatbuffers.Builder(1 << 16)
        self._written: dict[tuple[Any, ...], int] = {}

    def string(self, text: str) -> int:
        """Offset of a string."""
        return self._once(("string", text), lambda: self.builder.CreateString(text))

    def numbers(self, values: NDArray[Any]) -> int:
        """Offset of a vector of numbers."""
        key = (values.dtype.str, values.tobytes())
        return self._once(key, lambda: self.builder.CreateNumpyVector(values))

    def data(self, content: bytes) -> int:
        """Offset of an aligned vector of bytes."""

        def write() -> int:
            self.builder.StartVector(1, len(content), BUFFER_ALIGNMENT)
            self.builder.head = self.builder.Head() - len(content)
            self.builder.Bytes[self.builder.Head() : self.builder.Head() + len(content)] = content
            return self.builder.EndVector()

        return self._once(("data", content), write)

    def offsets(self, items: Sequence[int]) -> int:
        """Offset of a vector of tables."""
        self.builder.StartVector(4, len(items), 4)
        for item in reversed(items):
            self.builder.PrependUOffsetTRelative(item)
        return self.builder.EndVector()

    def table(self, kind: str, **fields: Any) -> int:
        """Offset of a table of the schema's type `kind`; `fields` are its fields in the schema's CamelCase."""

        def write() -> int:
            getattr(schema, f"{kind}Start")(self.builder)
            for name, value in fields.items():
                getattr(schema, f"{kind}Add{name}")(self.builder, value)
            return getattr(schema, f"{kind}End")(self.builder)

        return self._once((kind, *sorted(fields.items())), write)

    def finish(self, root: int) -> bytes:
        """The whole file."""
        self.builder.Finish(root, file_identifier=b"TFL3")
        return bytes(self.builder.Output())

    def _once(self, key: tuple[Any, ...], write: Any) -> int:
        if key not in self._written:
            self._written[key] = write()
        return self._written[key]


def vector(*values: int) -> NDArray[np.int32]:
    """A vector of the schema's 32-bit integers."""
    return np.array(values, np.int32)


VERSION = 3
# Lowest operator versions with per-channel int8 kernels: an older runtime refuses the file instead of misreading it.
OPERATOR_VERSIONS = {"PAD": 2, "CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "ADD": 2, "MEAN": 2, "RESHAPE": 1}
OPERATOR_VERSIONS |= {"SLICE": 2, "CONCATENATION": 2, "TRANSPOSE": 2, "MAX_POOL_2D": 2}
# Around the network: the front-end's in float32 (FULLY_CONNECTED without bias), from and to int8.
OPERATOR_VERSIONS |= {"SUB": 1, "MUL": 1, "DIV": 1, "LOG": 1, "MINIMUM": 1, "FLOOR": 1, "SQRT": 1, "RELU": 1, "SUM": 1}
OPERATOR_VERSIONS |= {"MAXIMUM": 1, "REDUCE_MAX": 1, "EXP": 1, "LOGISTIC": 1}
OPERATOR_VERSIONS |= {"BATCH_MATMUL": 1, "FULLY_CONNECTED": 6, "QUANTIZE": 1, "DEQUANTIZE": 3, "SOFTMAX": 1}
_DTYPES = {"int8": schema.TensorType.INT8, "int32": schema.TensorType.INT32, "float32": schema.TensorType.FLOAT32}
_DTYPES |= {"float16": schema.TensorType.FLOAT16}


class Graph:
    """A subgraph being built; tensors are named by their index."""

    float16 = False
    """Whether constants of float32 are stored as float16, and converted by an operator of their own."""

    def __init__(self) -> None:
        self.writer = Writer()
        self._codes: dict[str, int] = {}
        self._tensors: list[int] = []
        self._operators: list[int] = []
        self._buffers = [self.writer.table("Buffer")]  # buffer 0 means "no data" in TFLite
        self._constants: dict[tuple[Any, ...], int] = {}
        self._converted: dict[int, int] = {}

    def activation(self, name: str, shape: Sequence[int], quantization: Quantization | None) -> int:
        """A tensor that an operator fills: int8 with a quantization, float32 without."""
        if quantization is None:
            return self._tensor(name, shape, schema.TensorType.FLOAT32, 0, None)
        scale = np.array([quantization.scale], np.float32)
        zero_point = np.array([quantization.zero_point], np.int64)
        return self._tensor(name, shape, schema.TensorType.INT8, 0, self._quantization(scale, zero_point, 0))

    def constant(self, name: str, values: NDArray[Any], scale: NDArray[np.float32] | None = None, axis: int = 0) -> int:
        """A tensor with data, symmetric and quantized per channel along `axis` when it has a scale."""
        if self.float16 and values.dtype == np.float32:
            return self._halved(name, values)
        values = np.ascontiguousarray(values)
        key = (values.dtype.str, values.shape, values.tobytes(), axis, None if scale is None else scale.tobytes())
        if key not in self._constants:
            self._buffers.append(self.writer.table("Buffer", Data=self.writer.data(values.tobytes())))
            quantization = None if scale is None else self._quantization(scale, np.zeros(len(scale), np.int64), axis)
            kind = _DTYPES[values.dtype.name]
            self._constants[key] = self._tensor(name, values.shape, kind, len(self._buffers) - 1, quantization)
        return self._constants[key]

    def _halved(self, name: str, values: NDArray[np.float32]) -> int:
        stored = self.constant(f"{name}/float16", values.astype(np.float16))
        if stored not in self._converted:
            self._converted[stored] = self.activation(name, values.shape, None)
            self.operator("DEQUANTIZE", [stored], self._converted[stored], "DequantizeOptions")
        return self._converted[stored]

    def operator(self, kind: str, inputs: Sequence[int], output: int, options: str | None, **fields: Any) -> None:
        """A builtin operator of `kind` with an options table of the schema's type `options`, where it has one."""
        chosen = {}
        if options is not None:
            chosen["BuiltinOptionsType"] = getattr(schema.BuiltinOptions, options)
            chosen["BuiltinOptions"] = self.writer.table(options, **fields)
        self._operators.append(
            self.writer.table(
                "Operator",
                OpcodeIndex=self._codes.setdefault(kind, len(self._codes)),
                Inputs=self.writer.numbers(vector(*inputs)),
                Outputs=self.writer.numbers(vector(output)),
                **chosen,
            )
        )

    def file(self, inputs: Sequence[int], outputs: Sequence[int], metadata: TfliteMetadata | None = None) -> bytes:
        """The finished .tflite file, with what it says about itself."""
        writer = self.writer
        described = {}
        if metadata is not None:
            self._buffers.append(writer.table("Buffer", Data=writer.data(metadata.buffer)))
            entry = writer.table("Metadata", Name=writer.string(BUFFER), Buffer=len(self._buffers) - 1)
            described["Metadata"] = writer.offsets([entry])
        subgraph = writer.table(
            "SubGraph",
            Name=writer.string("main"),
            Tensors=writer.offsets(self._tensors),
            Inputs=writer.numbers(vector(*inputs)),
            Outputs=writer.numbers(vector(*outputs)),
            Operators=writer.offsets(self._operators),
        )
        codes = []
        for kind in self._codes:
            code = getattr(schema.BuiltinOperator, kind)
            fields = {"DeprecatedBuiltinCode": code, "BuiltinCode": code, "Version": OPERATOR_VERSIONS[kind]}
            codes.append(writer.table("OperatorCode", **fields))
        model = writer.table(
            "Model",
            Version=VERSION,
            OperatorCodes=writer.offsets(codes),
            Subgraphs=writer.offsets([subgraph]),
            Description=writer.string("tinyasc"),
            Buffers=writer.offsets(self._buffers),
            **described,
        )
        content = writer.finish(model)
        return content if metadata is None else metadata.append_to(content)

    def _quantization(self, scale: NDArray[np.float32], zero_point: NDArray[np.int64], axis: int) -> int:
        fields = {"Scale": self.writer.numbers(scale), "ZeroPoint": self.writer.numbers(zero_point)}
        return self.writer.table("QuantizationParameters", QuantizedDimension=axis, **fields)

    def _tensor(self, name: str, shape: Sequence[int], kind: int, buffer: int, quantization: int | None) -> int:
        fields: dict[str, Any] = {"Shape": self.writer.numbers(vector(*shape)), "Name": self.writer.string(name)}
        if quantization is not None:
            fields["Quantization"] = quantization
        self._tensors.append(self.writer.table("Tensor", Type=kind, Buffer=buffer, **fields))
        return len(self._tensors) - 1
