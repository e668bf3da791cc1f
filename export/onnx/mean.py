"""GlobalAveragePool, the only mean that ONNX Runtime takes in integers.

A mean over one axis makes channels of the other one, so that what is averaged is the whole map.
"""

from compress.operations.mean import Mean
from export.onnx.emitter import Emitter, grid


def mean(emitter: Emitter, operation: Mean) -> None:
    """Pooled to (1, C, 1, 1) with the output's quantization, or (1, C F, 1, 1) and (1, C T, 1, 1) for one axis."""
    name, shape = operation.output, emitter.program.values[operation.output].shape
    (source,) = operation.inputs
    channels, bands, frames = emitter.program.values[source].shape
    if operation.axes == (1,):
        source = emitter.graph.node("Transpose", [source], f"{name}/transposed", perm=(0, 1, 3, 2))
        source = emitter.reshape(source, f"{name}/rows", (channels * frames, 1, bands))
    elif operation.axes == (2,):
        source = emitter.reshape(source, f"{name}/rows", (channels * bands, 1, frames))
    pooled = name if shape == (channels, 1, 1) else f"{name}/pooled"
    _pool(emitter, operation, source, pooled)
    if pooled != name:
        emitter.reshape(pooled, name, shape)


def _pool(emitter: Emitter, operation: Mean, source: str, pooled: str) -> None:
    graph, program = emitter.graph, emitter.program
    if not program.quantized:
        graph.node("GlobalAveragePool", [source], pooled)
        return
    name = operation.output
    real = graph.node("DequantizeLinear", [source, *grid(program, graph, operation.input)], f"{name}/input0")
    result = graph.node("GlobalAveragePool", [real], f"{name}/real")
    graph.node("QuantizeLinear", [result, *grid(program, graph, name)], pooled)
