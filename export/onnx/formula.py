"""An operation that no integer kernel has: float32 operators, in INT8 with integers on either side."""

from compress.arithmetic.arithmetic import Tensor
from compress.arithmetic.axes import CHANNELS_FIRST
from compress.operations.formula import Formula
from export.onnx.arithmetic import OnnxArithmetic
from export.onnx.emitter import Emitter


def formula(emitter: Emitter, operation: Formula) -> None:
    """The operators of its formula."""
    shapes = [(1, *emitter.program.values[name].shape) for name in operation.inputs]
    inputs = [Tensor(*one) for one in zip(emitter.read(operation), shapes, strict=True)]
    do = OnnxArithmetic(emitter.graph, f"{operation.output}/norm")
    result = operation.written(do, inputs, CHANNELS_FIRST, emitter.program.quantized)
    emitter.graph.node("Identity", [result.key], emitter.real(operation))
    emitter.write(operation)
