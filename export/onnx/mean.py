"""GlobalAveragePool, and a Reshape that takes its axes of length 1 away."""

import numpy as np

from compress.operations.mean import Mean
from export.onnx.emitter import Emitter, grid


def mean(emitter: Emitter, operation: Mean) -> None:
    """Pooled to (1, C, 1, 1) with the output's quantization, then flattened, so that the pool runs in integers."""
    graph, name, pooled = emitter.graph, operation.output, f"{operation.output}/pooled"
    sources, shape = emitter.read(operation), graph.constant("logits_shape", np.array([1, -1], np.int64))
    if emitter.program.quantized:
        real = graph.node("GlobalAveragePool", sources, emitter.real(operation))
        graph.node("QuantizeLinear", [real, *grid(emitter.program, graph, name)], pooled)
    else:
        graph.node("GlobalAveragePool", sources, pooled)
    graph.node("Reshape", [pooled, shape], name)
