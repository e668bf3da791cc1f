"""An operation that no integer kernel has: float32 operators, in INT8 between DEQUANTIZE and QUANTIZE."""

from compress.arithmetic.arithmetic import Tensor
from compress.arithmetic.axes import CHANNELS_LAST
from compress.operations.formula import Formula
from compress.quantization import INT8_MIN
from export.tflite.arithmetic import TfliteArithmetic
from export.tflite.emitter import Emitter, channels_last


def formula(emitter: Emitter, operation: Formula) -> None:
    """The operators of its formula."""
    graph, do = emitter.graph, TfliteArithmetic(emitter.graph)
    shapes = [channels_last(emitter.program.values[name].shape) for name in operation.inputs]
    keys, quantized = emitter.inputs(operation), emitter.program.quantized
    if quantized:
        reals = [graph.activation("dequantize", shape, None) for shape in shapes]
        for key, real in zip(keys, reals, strict=True):
            graph.operator("DEQUANTIZE", [key], real, "DequantizeOptions")
        keys = reals
    inputs = [Tensor(*one) for one in zip(keys, shapes, strict=True)]
    result = operation.written(do, inputs, CHANNELS_LAST, quantized)
    found = emitter.program.values[operation.output].quantization
    if operation.rectified and (found is None or found.zero_point != INT8_MIN):
        result = do.relu(result)  # else QUANTIZE clamps there
    if quantized:
        graph.operator("QUANTIZE", [result.key], emitter.output(operation), "QuantizeOptions")
    else:
        emitter.index[operation.output] = result.key
