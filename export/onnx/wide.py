"""An operation that reads or gives a 16-bit value: float32 operators over integers."""

import numpy as np

from compress.arithmetic.arithmetic import Tensor
from compress.arithmetic.axes import CHANNELS_FIRST
from compress.operations.operation import Operation
from compress.program import quantization
from compress.quantization import INT8_MIN
from export import wide
from export.onnx.arithmetic import OnnxArithmetic
from export.onnx.emitter import Emitter, grid


def over_integers(emitter: Emitter, operation: Operation) -> None:
    """The operators of `export.wide`, between 8-bit values in the grids of the file."""
    graph, program, name = emitter.graph, emitter.program, operation.output
    do, inputs = OnnxArithmetic(graph, f"{name}/wide"), []
    for number, source in enumerate(operation.inputs):
        key = source
        if not quantization(program, source).wide:
            step = graph.constant("one", np.array(1, np.float32))
            _, zero_point = grid(program, graph, source)
            key = graph.node("DequantizeLinear", [source, step, zero_point], f"{name}/input{number}")
        inputs.append(Tensor(key, (1, *program.values[source].shape)))
    result = wide.COMPUTE[type(operation)](do, operation, inputs, program, CHANNELS_FIRST)
    found = quantization(program, name)
    if found.wide:
        graph.node("Identity", [wide.clamped(do, result, found, operation.rectified).key], name)
        return
    clamped = do.relu(result) if operation.rectified and found.zero_point != INT8_MIN else result
    graph.node("QuantizeLinear", [wide.scaled(do, clamped, found).key, *grid(program, graph, name)], name)
