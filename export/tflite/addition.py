"""ADD; its ReLU is its own activation function, in INT8 the clamp at the zero point."""

from compress.operations.addition import Addition
from export.tflite.emitter import Emitter, activation


def addition(emitter: Emitter, operation: Addition) -> None:
    """The sum of two tensors of one shape."""
    output = emitter.output(operation)
    function = activation(operation.relu)
    emitter.graph.operator("ADD", emitter.inputs(operation), output, "AddOptions", FusedActivationFunction=function)
