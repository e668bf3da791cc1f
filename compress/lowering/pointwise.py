"""ReLU, addition and mean."""

from dataclasses import replace
from typing import Any

from torch.fx import Node

from compress.lowering.graph import Lowering, arguments
from compress.operations.addition import Addition
from compress.operations.convolution import Convolution
from compress.operations.mean import Mean
from compress.operations.response_norm import ResponseNorm
from tinyasc.errors import UserError


def relu(lowering: Lowering, node: Node) -> str:
    """Part of the operation before it."""
    operation = lowering.last(node.args[0], (Convolution, Addition, ResponseNorm), "ReLU")
    lowering.operations[-1] = replace(operation, relu=True)
    return operation.output


def addition(lowering: Lowering, node: Node) -> str:
    given: tuple[Any, ...] = node.args
    first, second = (lowering.name_of.get(argument) for argument in given[:2])
    if first is None or second is None or node.kwargs:
        raise UserError(f"{node.name} adds a constant or a scaled value: the INT8 program adds two activations")
    if lowering.values[first].shape != lowering.values[second].shape:
        raise UserError(f"{node.name} adds activations of two shapes: the INT8 program adds those of one shape")
    return lowering.emit(node, Addition((first, second), node.name, False))


def mean(lowering: Lowering, node: Node) -> str:
    source, dimensions, keep = arguments(node, 3, (False,))
    if sorted(d % 4 for d in dimensions) != [2, 3] or keep:
        raise UserError(f"{node.name} averages dimensions {dimensions}: the INT8 program averages frequency and time")
    return lowering.emit(node, Mean(lowering.name_of[source], node.name))
