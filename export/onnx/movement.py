"""Nodes that move numbers and change none; in INT8 they move the integers themselves.

Shapes: (1, C, F, T) activations.
"""

import numpy as np

from compress.operations.channel_shuffle import ChannelShuffle
from compress.operations.concatenation import Concatenation
from compress.operations.flattening import Flattening
from compress.operations.max_pooling import MaxPooling
from compress.operations.padding import Padding
from compress.operations.slicing import Slicing
from compress.operations.transposition import Transposition
from export.onnx.emitter import Emitter, grid


def max_pooling(emitter: Emitter, operation: MaxPooling) -> None:
    """MaxPool."""
    sizes = {"kernel_shape": operation.kernel, "strides": operation.stride}
    emitter.graph.node("MaxPool", operation.inputs, operation.output, **sizes)


def transposition(emitter: Emitter, operation: Transposition) -> None:
    """Transpose."""
    order = (0, *(axis + 1 for axis in operation.order))
    emitter.graph.node("Transpose", operation.inputs, operation.output, perm=order)


def flattening(emitter: Emitter, operation: Flattening) -> None:
    """Flatten."""
    emitter.graph.node("Flatten", operation.inputs, operation.output, axis=1)


def channel_shuffle(emitter: Emitter, operation: ChannelShuffle) -> None:
    """Channels as rows of `groups`, transposed: Reshape, Transpose, Reshape."""
    name, shape = operation.output, emitter.program.values[operation.output].shape
    rows = emitter.reshape(operation.input, f"{name}/rows", (-1, operation.groups, shape[1] * shape[2]))
    emitter.graph.node("Transpose", [rows], f"{name}/columns", perm=(0, 2, 1, 3))
    emitter.reshape(f"{name}/columns", name, shape)


def slicing(emitter: Emitter, operation: Slicing) -> None:
    """Slice."""
    limits = (operation.start, operation.start + operation.length, operation.axis + 1)
    constants = [emitter.graph.constant(f"number/{limit}", np.array([limit], np.int64)) for limit in limits]
    emitter.graph.node("Slice", [operation.input, *constants], operation.output)


def padding(emitter: Emitter, operation: Padding) -> None:
    """Pad, in INT8 with the zero point."""
    graph, program, rows = emitter.graph, emitter.program, operation.rows
    pads = graph.constant(f"pads/{rows}", np.array([0, 0, rows, 0, 0, 0, rows, 0], np.int64))
    zero = [grid(program, graph, operation.input)[1]] if program.quantized else []
    graph.node("Pad", [operation.input, pads, *zero], operation.output)


def concatenation(emitter: Emitter, operation: Concatenation) -> None:
    """Concat."""
    emitter.graph.node("Concat", operation.inputs, operation.output, axis=operation.axis + 1)
