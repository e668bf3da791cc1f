"""The TFLite emitter: a program as a flatbuffer of builtin operators.

Every kind of operation is a file of `export.tflite`. An INT8 ReLU costs nothing: it is the clamp of the operator before
it.
"""

from collections.abc import Callable
from typing import Any

from compress.operations.activation_function import ActivationFunction
from compress.operations.addition import Addition
from compress.operations.attention import Attention
from compress.operations.channel_shuffle import ChannelShuffle
from compress.operations.concatenation import Concatenation
from compress.operations.convolution import Convolution
from compress.operations.flattening import Flattening
from compress.operations.max_pooling import MaxPooling
from compress.operations.mean import Mean
from compress.operations.operation import Operation
from compress.operations.padding import Padding
from compress.operations.response_norm import ResponseNorm
from compress.operations.slicing import Slicing
from compress.operations.standardization import Standardization
from compress.operations.transposition import Transposition
from compress.program import Program
from export.metadata.tflite_metadata import TfliteMetadata
from export.tflite.addition import addition
from export.tflite.convolution import convolution
from export.tflite.emitter import Emitter, channels_last
from export.tflite.formula import formula
from export.tflite.graph import Graph
from export.tflite.mean import mean
from export.tflite.movement import (
    channel_shuffle,
    concatenation,
    flattening,
    max_pooling,
    padding,
    slicing,
    transposition,
)
from export.tflite.wide import over_integers
from export.wide import has_wide

EMITTERS: dict[type[Operation], Callable[[Emitter, Any], None]] = {
    Convolution: convolution,
    Addition: addition,
    Mean: mean,
    ResponseNorm: formula,
    Standardization: formula,
    ActivationFunction: formula,
    Attention: formula,
    MaxPooling: max_pooling,
    Transposition: transposition,
    Flattening: flattening,
    ChannelShuffle: channel_shuffle,
    Slicing: slicing,
    Padding: padding,
    Concatenation: concatenation,
}
"""Each adds an operation of its kind to the graph."""


def to_tflite(program: Program, metadata: TfliteMetadata | None = None, float16: bool = False) -> bytes:
    """The .tflite file of a program: float32 in and out for a float program, int8 for an INT8 program.

    Args:
        program: float or INT8.
        metadata: what the file says about itself.
        float16: store the weights of a float program as float16.
    """
    graph = Graph()
    graph.float16 = float16
    source = input_tensor(program, graph)
    return graph.file([source], [emit(program, graph, source)], metadata)


def input_tensor(program: Program, graph: Graph) -> int:
    """A tensor that a program can take as its input."""
    value = program.values[program.input]
    return graph.activation(value.name, channels_last(value.shape), value.quantization)


def emit(program: Program, graph: Graph, source: int) -> int:
    """Add a program that reads the tensor `source` to a graph; returns the tensor of its output."""
    emitter = Emitter(program, graph, source)
    for operation in program.operations:
        if has_wide(operation, program):
            over_integers(emitter, operation)
        else:
            EMITTERS[type(operation)](emitter, operation)
    return emitter.index[program.output]
