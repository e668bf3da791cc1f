"""The ONNX emitter: a float program as plain operators, an INT8 program as QDQ with uint8 activations.

ONNX Runtime fuses the DequantizeLinear / QuantizeLinear pairs around each operator into its integer kernels; it does so
for every operator here only with uint8 activations, so zero points are the program's plus 128. Weights stay int8.

Shapes: (1, C, F, T) activations, (O, C / groups, kernel F, kernel T) weights, (1, K) logits.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from compress.program import Addition, Convolution, Mean, Operation, Program, Quantization

OPSET = 21
IR_VERSION = 10
UINT8_OFFSET = 128


def to_onnx(program: Program, path: Path, metadata: dict[str, str]) -> None:
    """Write a program as a checked .onnx file.

    Args:
        program: float (float32 in and out) or INT8 (uint8 in and out).
        path: the file to write.
        metadata: written as the model's metadata_props.
    """
    emitter = _Emitter(program)
    model = helper.make_model(
        emitter.graph(), opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="tinyasc"
    )
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


class _Emitter:
    def __init__(self, program: Program):
        self.program = program
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}

    def graph(self) -> onnx.GraphProto:
        for operation in self.program.operations:
            self._operation(operation)
        kind = TensorProto.UINT8 if self.program.quantized else TensorProto.FLOAT
        ends = [
            helper.make_tensor_value_info(name, kind, [1, *self.program.values[name].shape])
            for name in (self.program.input, self.program.output)
        ]
        return helper.make_graph(self.nodes, "tinyasc", ends[:1], ends[1:], list(self.initializers.values()))

    def _operation(self, operation: Operation) -> None:
        sources = [self._read(name, f"{operation.output}/input{i}") for i, name in enumerate(operation.inputs)]
        name = operation.output
        relu = isinstance(operation, Convolution | Addition) and operation.relu
        # an integer ReLU is the clamp at the output's zero point
        rectify = relu and not self.program.quantized
        result = f"{name}/real" if self.program.quantized or rectify else name
        if isinstance(operation, Convolution):
            pads = [*operation.padding, *operation.padding]
            weights = self._weights(operation)
            self._node(
                "Conv", [*sources, *weights], result, group=operation.groups, pads=pads, strides=operation.stride
            )
        elif isinstance(operation, Addition):
            self._node("Add", sources, result)
        elif isinstance(operation, Mean):
            self._mean(operation, sources[0], result)
            return
        if rectify:
            self._node("Relu", [result], name)
        self._write(name, result)

    def _mean(self, operation: Mean, source: str, result: str) -> None:
        """Pooled to (1, C, 1, 1) with the output's quantization, then flattened, so that the pool runs in integers."""
        name, shape = operation.output, self._constant("logits_shape", np.array([1, -1], np.int64))
        if not self.program.quantized:
            self._node("GlobalAveragePool", [source], f"{name}/pooled")
            self._node("Reshape", [f"{name}/pooled", shape], name)
            return
        self._node("GlobalAveragePool", [source], result)
        scale, zero_point = self._quantization(name)
        self._node("QuantizeLinear", [result, scale, zero_point], f"{name}/pooled")
        self._node("Reshape", [f"{name}/pooled", shape], name)

    def _read(self, name: str, real: str) -> str:
        """A value as real numbers: itself, or behind a DequantizeLinear of its own."""
        if not self.program.quantized:
            return name
        self._node("DequantizeLinear", [name, *self._quantization(name)], real)
        return real

    def _write(self, name: str, real: str) -> None:
        if self.program.quantized:
            self._node("QuantizeLinear", [real, *self._quantization(name)], name)

    def _weights(self, operation: Convolution) -> list[str]:
        names = []
        for part, values in (("weight", operation.weight), ("bias", operation.bias)):
            constant = self._constant(f"{operation.output}/{part}", values)
            if operation.weight_scale is not None:
                scale = operation.weight_scale
                if part == "bias":
                    found = self.program.values[operation.input].quantization
                    assert found is not None
                    scale = np.float32(found.scale) * scale
                scale_name = self._constant(f"{operation.output}/{part}_scale", scale)
                constant_real = f"{operation.output}/{part}_real"
                self._node("DequantizeLinear", [constant, scale_name], constant_real, axis=0)
                constant = constant_real
            names.append(constant)
        return names

    def _quantization(self, name: str) -> tuple[str, str]:
        """Names of a value's scale and zero point; scalars, as ONNX Runtime's QLinearAdd wants them."""
        found = self.program.values[name].quantization
        assert found is not None
        scale = self._constant(f"{name}/scale", np.array(found.scale, np.float32))
        return scale, self._constant(f"{name}/zero_point", np.array(uint8_zero_point(found), np.uint8))

    def _constant(self, name: str, values: NDArray) -> str:
        if name not in self.initializers:
            self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(values).reshape(values.shape), name)
        return name

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))


def uint8_zero_point(quantization: Quantization) -> int:
    """Zero point of a value in the ONNX file's uint8 domain."""
    return quantization.zero_point + UINT8_OFFSET
