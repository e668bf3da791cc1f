"""MEAN over F and T."""

from compress.operations.mean import Mean
from export.tflite.emitter import Emitter
from export.tflite.flatbuffer import vector


def mean(emitter: Emitter, operation: Mean) -> None:
    """(1, F, T, C) to (1, C)."""
    inputs = [*emitter.inputs(operation), emitter.graph.constant("axes", vector(1, 2))]
    emitter.graph.operator("MEAN", inputs, emitter.output(operation), "ReducerOptions", KeepDims=False)
