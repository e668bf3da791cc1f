"""Activation functions, addition and mean, and what does nothing in evaluation."""

from dataclasses import replace
from typing import Any

import numpy as np
from torch.fx import Node

from compress.lowering.graph import Lowering, arguments
from compress.operations.activation_function import ActivationFunction
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


def silu(lowering: Lowering, node: Node) -> str:
    source: Any = node.args[0]
    return lowering.emit(node, ActivationFunction(lowering.name_of[source], node.name, "silu", None))


def sigmoid(lowering: Lowering, node: Node) -> str:
    source: Any = node.args[0]
    return lowering.emit(node, ActivationFunction(lowering.name_of[source], node.name, "sigmoid", None))


def addition(lowering: Lowering, node: Node) -> str:
    given: tuple[Any, ...] = node.args
    first, second = (lowering.name_of.get(argument) for argument in given[:2])
    if first is None or second is None or node.kwargs:
        raise UserError(f"{node.name} adds a constant or a scaled value: the INT8 program adds two activations")
    shapes = [lowering.values[name].shape for name in (first, second)]
    if np.broadcast_shapes(*shapes) not in shapes or shapes[0][0] != shapes[1][0]:
        raise UserError(f"{node.name} adds {shapes[0]} and {shapes[1]}: the INT8 program adds a map, or a row to a map")
    return lowering.emit(node, Addition((first, second), node.name, False))


def mean(lowering: Lowering, node: Node) -> str:
    """Its axes stay with length 1; those that are left out in the network must be the last ones."""
    source, dimensions, keep = arguments(node, 3, (False,))
    axes = tuple(sorted(dimension % 4 - 1 for dimension in dimensions))
    if axes not in ((1,), (2,), (1, 2)) or (axes != (1, 2) and not keep):
        raise UserError(f"{node.name} averages dimensions {dimensions}: the INT8 program averages frequency and time")
    return lowering.emit(node, Mean(lowering.name_of[source], node.name, axes, keep=True))


def average_of_all(lowering: Lowering, node: Node) -> str:
    """An adaptive average pooling to one position."""
    given: tuple[Any, ...] = node.args
    source, size = given
    if list(size) != [1, 1]:
        raise UserError(f"{node.name} averages to {size} positions: the INT8 program averages to one")
    return lowering.emit(node, Mean(lowering.name_of[source], node.name, keep=True))


def nothing(lowering: Lowering, node: Node) -> str:
    """Dropout, which evaluation is without, and the flattening of a map of one position."""
    given: tuple[Any, ...] = node.args
    name = lowering.name_of[given[0]]
    if len(node.meta["val"].shape) < 3 and lowering.values[name].shape[1:] != (1, 1):
        raise UserError(f"{node.name} makes a vector of a map: the INT8 program averages it first")
    return name
