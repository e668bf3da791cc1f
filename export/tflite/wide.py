"""An operation that reads or gives a 16-bit value: float32 operators over integers."""

from compress.arithmetic.arithmetic import Tensor
from compress.arithmetic.axes import CHANNELS_LAST
from compress.operations.operation import Operation
from compress.program import quantization
from compress.quantization import INT8_MIN
from export import wide
from export.tflite.arithmetic import TfliteArithmetic
from export.tflite.emitter import Emitter, channels_last


def over_integers(emitter: Emitter, operation: Operation) -> None:
    """The operators of `export.wide`, between 8-bit values in the grids of the file."""
    do, program = TfliteArithmetic(emitter.graph), emitter.program
    inputs = []
    for name, key in zip(operation.inputs, emitter.inputs(operation), strict=True):
        found, shape = quantization(program, name), channels_last(program.values[name].shape)
        if found.wide:
            inputs.append(Tensor(key, shape))
        else:
            real = emitter.graph.activation("dequantize", shape, None)
            emitter.graph.operator("DEQUANTIZE", [key], real, "DequantizeOptions")
            inputs.append(wide.unscaled(do, Tensor(real, shape), found))
    result = wide.COMPUTE[type(operation)](do, operation, inputs, program, CHANNELS_LAST)
    found = quantization(program, operation.output)
    if found.wide:
        emitter.index[operation.output] = wide.clamped(do, result, found, operation.rectified).key
        return
    clamped = do.relu(result) if operation.rectified and found.zero_point != INT8_MIN else result
    emitter.graph.operator(
        "QUANTIZE", [wide.scaled(do, clamped, found).key], emitter.output(operation), "QuantizeOptions"
    )
