"""Operators that move numbers and change none; all of them take int8 as they take float32.

Shapes: (1, F, T, C) activations.
"""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from compress.operations.channel_shuffle import ChannelShuffle
from compress.operations.concatenation import Concatenation
from compress.operations.flattening import Flattening
from compress.operations.max_pooling import MaxPooling
from compress.operations.movement import CHANNELS_LAST
from compress.operations.padding import Padding
from compress.operations.slicing import Slicing
from compress.operations.transposition import Transposition
from export.tflite.arithmetic import XNNPACK_PARTS
from export.tflite.emitter import Emitter, channels_last
from export.tflite.flatbuffer import vector


def max_pooling(emitter: Emitter, operation: MaxPooling) -> None:
    """MAX_POOL_2D."""
    emitter.graph.operator(
        "MAX_POOL_2D",
        emitter.inputs(operation),
        emitter.output(operation),
        "Pool2DOptions",
        Padding=schema.Padding.VALID,
        StrideH=operation.stride[0],
        StrideW=operation.stride[1],
        FilterHeight=operation.kernel[0],
        FilterWidth=operation.kernel[1],
    )


def transposition(emitter: Emitter, operation: Transposition) -> None:
    """TRANSPOSE."""
    order = vector(0, *(axis + 1 for axis in operation.order_channels_last))
    inputs = [*emitter.inputs(operation), emitter.graph.constant("order", order)]
    emitter.graph.operator("TRANSPOSE", inputs, emitter.output(operation), "TransposeOptions")


def flattening(emitter: Emitter, operation: Flattening) -> None:
    """RESHAPE."""
    emitter.reshape(
        emitter.index[operation.input], emitter.output(operation), emitter.program.values[operation.output].shape
    )


def channel_shuffle(emitter: Emitter, operation: ChannelShuffle) -> None:
    """Channels as rows of `groups`, transposed: RESHAPE, TRANSPOSE, RESHAPE."""
    channels, bands, frames = emitter.program.values[operation.output].shape
    rows, groups = channels // operation.groups, operation.groups
    source, name = emitter.index[operation.input], operation.output
    # as (C, F, T) these are (1, bands * frames, rows, groups) and (1, bands * frames, groups, rows) in the file
    shapes = (groups, bands * frames, rows), (rows, bands * frames, groups)
    before, behind = (emitter.like(name, f"{name}/rows{i}", shape) for i, shape in enumerate(shapes))
    emitter.reshape(source, before, shapes[0])
    order = emitter.graph.constant("order", vector(0, 1, 3, 2))
    emitter.graph.operator("TRANSPOSE", [before, order], behind, "TransposeOptions")
    emitter.reshape(behind, emitter.output(operation), (channels, bands, frames))


def slicing(emitter: Emitter, operation: Slicing) -> None:
    """SLICE."""
    begin = np.zeros(4, np.int32)
    begin[CHANNELS_LAST.index(operation.axis) + 1] = operation.start
    size = vector(*channels_last(emitter.program.values[operation.output].shape))
    constants = [emitter.graph.constant("begin", begin), emitter.graph.constant("size", size)]
    emitter.graph.operator("SLICE", [*emitter.inputs(operation), *constants], emitter.output(operation), "SliceOptions")


def padding(emitter: Emitter, operation: Padding) -> None:
    """PAD."""
    rows = (operation.rows, operation.rows)
    shape = emitter.program.values[operation.input].shape
    padded = emitter.pad(emitter.index[operation.input], operation.input, shape, rows, (0, 0))
    emitter.index[operation.output] = padded


def concatenation(emitter: Emitter, operation: Concatenation) -> None:
    """CONCATENATION, in several steps where there are more maps than XNNPACK joins at once."""
    shape, axis = emitter.program.values[operation.output].shape, operation.axis
    keys = emitter.inputs(operation)
    lengths = [emitter.program.values[name].shape[axis] for name in operation.inputs]

    def join(parts: list[int], output: int) -> None:
        place = CHANNELS_LAST.index(axis) + 1
        emitter.graph.operator("CONCATENATION", parts, output, "ConcatenationOptions", Axis=place)

    while len(keys) > XNNPACK_PARTS:
        together = sum(lengths[:XNNPACK_PARTS])
        first = emitter.like(
            operation.output, f"{operation.output}/joined", (*shape[:axis], together, *shape[axis + 1 :])
        )
        join(keys[:XNNPACK_PARTS], first)
        keys, lengths = [first, *keys[XNNPACK_PARTS:]], [together, *lengths[XNNPACK_PARTS:]]
    join(keys, emitter.output(operation))
