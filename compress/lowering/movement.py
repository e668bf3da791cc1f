"""What moves numbers and changes none: max pooling, transposed axes, maps taken apart and joined.

Shapes: C channels, F mel bands, T frames.
"""

from typing import Any

from torch.fx import Node

from compress.lowering.channel_shuffle import begun_at
from compress.lowering.graph import Lowering, arguments, pair
from compress.operations.concatenation import Concatenation
from compress.operations.max_pooling import MaxPooling
from compress.operations.slicing import Slicing
from compress.operations.transposition import Transposition
from tinyasc.errors import UserError


def max_pooling(lowering: Lowering, node: Node) -> str:
    source, kernel, stride, padding, dilation, ceil_mode = arguments(node, 6, ((), (0, 0), (1, 1), False))
    if pair(padding) != (0, 0) or pair(dilation) != (1, 1) or ceil_mode:
        raise UserError(f"{node.name} pads, dilates or rounds up: the INT8 program pools what fills a window")
    operation = MaxPooling(lowering.name_of[source], node.name, pair(kernel), pair(stride or kernel))
    return lowering.emit(node, operation)


def transposition(lowering: Lowering, node: Node) -> str:
    """Of two axes of a map."""
    given: tuple[Any, ...] = node.args
    source, first, second = given
    if begun_at(source) is not None:
        return lowering.name_of[source]
    order = [0, 1, 2]
    axes = [axis % len(node.meta["val"].shape) - 1 for axis in (first, second)]
    if len(node.meta["val"].shape) != 4 or min(axes) < 0:
        raise UserError(f"{node.name} transposes axes {first} and {second}: the INT8 program transposes those of a map")
    order[axes[0]], order[axes[1]] = axes[1], axes[0]
    return lowering.emit(node, Transposition(lowering.name_of[source], node.name, (order[0], order[1], order[2])))


def chunk(lowering: Lowering, node: Node) -> str:
    """The source of a chunking; its parts are taken by `part`."""
    source, _, axis = arguments(node, 3, (0,))
    if axis != 1:
        raise UserError(f"{node.name} takes a map apart along axis {axis}: the INT8 program does so along channels")
    return lowering.name_of[source]


def part(lowering: Lowering, node: Node) -> str:
    """One part of a chunking."""
    given: tuple[Any, ...] = node.args
    source, number = given
    sizes = [one.shape[1] for one in source.meta["val"]]
    name = lowering.name_of[source]
    return lowering.emit(node, Slicing(name, node.name, 0, sum(sizes[:number]), sizes[number]))


def concatenation(lowering: Lowering, node: Node) -> str:
    """Along the channels."""
    sources, axis = arguments(node, 2, (0,))
    if axis != 1:
        raise UserError(f"{node.name} joins maps along axis {axis}: the INT8 program does so along channels")
    names = tuple(lowering.name_of[source] for source in sources)
    return lowering.emit(node, Concatenation(names, node.name, 0))
