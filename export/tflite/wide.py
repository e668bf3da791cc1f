"""An operation that reads or gives a 16-bit value: float32 operators over integers."""

from compress.arithmetic.arithmetic import Tensor
from compress.arithmetic.axes import CHANNELS_LAST
from compress.operations.wide import TakesWide
from export.tflite.arithmetic import TfliteArithmetic
from export.tflite.emitter import Emitter, channels_last
from export.wide import finished, unscaled


def over_integers(emitter: Emitter, operation: TakesWide) -> None:
    """The operators of its formula, between 8-bit values in the grids of the file."""
    do, program = TfliteArithmetic(emitter.graph), emitter.program
    inputs = []
    for name, key in zip(operation.inputs, emitter.inputs(operation), strict=True):
        found, shape = program.quantization(name), channels_last(program.values[name].shape)
        if found.wide:
            inputs.append(Tensor(key, shape))
        else:
            real = emitter.graph.activation("dequantize", shape, None)
            emitter.graph.operator("DEQUANTIZE", [key], real, "DequantizeOptions")
            inputs.append(unscaled(do, Tensor(real, shape), found))
    integers = operation.wide_formula(do, inputs, program.quantizations, CHANNELS_LAST)
    found = program.quantization(operation.output)
    result = finished(do, integers, found, operation.rectified).key
    if found.wide:
        emitter.index[operation.output] = result
    else:
        emitter.graph.operator("QUANTIZE", [result], emitter.output(operation), "QuantizeOptions")
