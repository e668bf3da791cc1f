"""An operation that reads or gives a 16-bit value: float32 operators over integers."""

import numpy as np

from compress.arithmetic.arithmetic import Tensor
from compress.arithmetic.axes import CHANNELS_FIRST
from compress.operations.wide import TakesWide
from export.onnx.arithmetic import OnnxArithmetic
from export.onnx.emitter import Emitter, grid
from export.wide import finished


def over_integers(emitter: Emitter, operation: TakesWide) -> None:
    """The operators of its formula, between 8-bit values in the grids of the file."""
    graph, program, name = emitter.graph, emitter.program, operation.output
    do, inputs = OnnxArithmetic(graph, f"{name}/wide"), []
    for number, source in enumerate(operation.inputs):
        key = source
        if not program.quantization(source).wide:
            step = graph.constant("one", np.array(1, np.float32))
            _, zero_point = grid(program, graph, source)
            key = graph.node("DequantizeLinear", [source, step, zero_point], f"{name}/input{number}")
        inputs.append(Tensor(key, (1, *program.values[source].shape)))
    integers = operation.wide_formula(do, inputs, program.quantizations, CHANNELS_FIRST)
    found = program.quantization(name)
    result = finished(do, integers, found, operation.rectified).key
    if found.wide:
        graph.node("Identity", [result], name)
    else:
        graph.node("QuantizeLinear", [result, *grid(program, graph, name)], name)
