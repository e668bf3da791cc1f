"""Add."""

from compress.operations.addition import Addition
from export.onnx.emitter import Emitter


def addition(emitter: Emitter, operation: Addition) -> None:
    """The sum of two values of one shape."""
    emitter.graph.node("Add", emitter.read(operation), emitter.real(operation))
    emitter.write(operation)
