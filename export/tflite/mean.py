"""MEAN."""

from compress.operations.mean import Mean
from export.tflite.emitter import Emitter
from export.tflite.flatbuffer import vector


def mean(emitter: Emitter, operation: Mean) -> None:
    """(1, F, T, C) to (1, C), or to the same with axes of length 1."""
    inputs = [*emitter.inputs(operation), emitter.graph.constant("axes", vector(*operation.axes))]
    emitter.graph.operator("MEAN", inputs, emitter.output(operation), "ReducerOptions", KeepDims=operation.keep)
