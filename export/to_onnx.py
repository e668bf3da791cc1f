"""The ONNX emitter: a float program as plain operators, an INT8 program as QDQ with uint8 activations.

Every kind of operation is a file of `export.onnx`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from onnx import TensorProto

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
from export.onnx.addition import addition
from export.onnx.convolution import convolution
from export.onnx.emitter import Emitter
from export.onnx.formula import formula
from export.onnx.graph import Graph
from export.onnx.mean import mean
from export.onnx.movement import (
    channel_shuffle,
    concatenation,
    flattening,
    max_pooling,
    padding,
    slicing,
    transposition,
)
from export.onnx.wide import over_integers
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


def to_onnx(program: Program, path: Path, metadata: Mapping[str, str], float16: bool = False) -> None:
    """Write a program as a checked .onnx file.

    Args:
        program: float (float32 in and out) or INT8 (uint8 in and out).
        path: the file to write.
        metadata: written as the model's metadata_props.
        float16: store the weights of a float program as float16.
    """
    graph = Graph()
    graph.float16 = float16
    emit(program, graph)
    kind = TensorProto.UINT8 if program.quantized else TensorProto.FLOAT
    ends = [(name, kind, (1, *program.values[name].shape)) for name in (program.input, program.output)]
    graph.write(path, ends[:1], ends[1:], metadata)


def emit(program: Program, graph: Graph) -> None:
    """Add a program to a graph; its values are called there what they are called in the program."""
    emitter = Emitter(program, graph)
    for operation in program.operations:
        if has_wide(operation, program):
            over_integers(emitter, operation)
        else:
            EMITTERS[type(operation)](emitter, operation)
