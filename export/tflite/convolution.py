"""CONV_2D, also in groups, and DEPTHWISE_CONV_2D, with PAD before those that TFLite's SAME does not pad alike.

A stride of 2 with torch's symmetric padding is PAD and a VALID convolution, since SAME pads even sizes on one side
only.

Shapes: (O, kernel F, kernel T, C / groups) weights, (1, kernel F, kernel T, O) depthwise weights.
"""

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from compress.operations.convolution import Convolution
from export.tflite.columns import Columns, group_frames
from export.tflite.emitter import Emitter, activation


def convolution(emitter: Emitter, operation: Convolution) -> None:
    """A convolution, over columns of frames where it has few channels."""
    columns = group_frames(operation, emitter.program.values[operation.input].shape[2])
    if columns is None:
        _plain(emitter, operation)
    else:
        _over_columns(emitter, operation, columns)


def _plain(emitter: Emitter, operation: Convolution) -> None:
    source, (pad_f, pad_t) = emitter.index[operation.input], operation.padding
    reach_f, reach_t = ((operation.weight.shape[axis + 2] - 1) * operation.dilation[axis] for axis in (0, 1))
    same = operation.stride == (1, 1) and (2 * pad_f, 2 * pad_t) == (reach_f, reach_t)
    if (pad_f or pad_t) and not same:
        shape = emitter.program.values[operation.input].shape
        source = emitter.pad(source, operation.input, shape, (pad_f, pad_f), (pad_t, pad_t))
    _convolve(emitter, operation, source, emitter.output(operation), same)


def _over_columns(emitter: Emitter, operation: Convolution, columns: Columns) -> None:
    """The stem: frames gathered into columns, convolved, and laid out as frames again."""
    channels, frequencies, frames = emitter.program.values[operation.input].shape
    shape = (channels * columns.frames, frequencies, frames // columns.frames)
    source = emitter.like(operation.input, f"{operation.input}/columns", shape)
    emitter.reshape(emitter.index[operation.input], source, shape)
    pad = operation.padding[0]
    source = emitter.pad(source, operation.input, shape, (pad, pad), (columns.left, columns.right))
    shape = emitter.program.values[operation.output].shape
    wide_channels = len(columns.convolution.weight)
    wide_shape = (wide_channels, shape[1], shape[2] * shape[0] // wide_channels)
    wide = emitter.like(operation.output, f"{operation.output}/columns", wide_shape)
    _convolve(emitter, columns.convolution, source, wide, same=False)
    emitter.reshape(wide, emitter.output(operation), shape)


def _convolve(emitter: Emitter, operation: Convolution, source: int, output: int, same: bool) -> None:
    depthwise, graph = operation.depthwise, emitter.graph
    kind, options = ("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions") if depthwise else ("CONV_2D", "Conv2DOptions")
    weight = operation.weight.transpose(1, 2, 3, 0) if depthwise else operation.weight.transpose(0, 2, 3, 1)
    inputs = [
        source,
        graph.constant("weight", weight, operation.weight_scale, 3 if depthwise else 0),
        graph.constant("bias", operation.bias, _bias_scale(emitter, operation)),
    ]
    graph.operator(
        kind,
        inputs,
        output,
        options,
        Padding=schema.Padding.SAME if same else schema.Padding.VALID,
        StrideH=operation.stride[0],
        StrideW=operation.stride[1],
        DilationHFactor=operation.dilation[0],
        DilationWFactor=operation.dilation[1],
        FusedActivationFunction=activation(operation.relu),
        **({"DepthMultiplier": len(operation.weight) // operation.groups} if depthwise else {}),
    )


def _bias_scale(emitter: Emitter, operation: Convolution) -> NDArray[np.float32] | None:
    found = emitter.program.values[operation.input].quantization
    if operation.weight_scale is None or found is None:
        return None
    return np.float32(found.scale) * operation.weight_scale
