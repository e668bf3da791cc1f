"""The axes of a map in another order, such as channels that become the bands of a picture.

Shapes: C channels, F mel bands, T frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch.fx import Node

from compress.arithmetic.arithmetic import Arithmetic, Axes, Tensor
from compress.lowering.channels import STAY, Channels, ChannelWalk
from compress.lowering.graph import Lowering, lowers
from compress.operations.channel_shuffle import begun_at
from compress.operations.formula import Movement
from compress.operations.operation import OneInput
from tinyasc.errors import UserError


@dataclass(frozen=True)
class Transposition(OneInput, Movement, kind="transposition"):
    """Axis i of the output is axis `order[i]` of the input, of (C, F, T)."""

    input: str
    output: str
    order: tuple[int, int, int]

    def move(self, do: Arithmetic, inputs: Sequence[Tensor], axes: Axes) -> Tensor:
        order = [0, 1, 2, 3]
        for place, source in zip(axes.places, self.order, strict=True):
            order[place] = axes.places[source]
        return do.transpose(inputs[0], tuple(order))


def _channels_to_rows(walk: ChannelWalk, node: Node) -> Channels:
    """ACDNet's turn: channels become rows, of which no weight behind depends, and the single row one channel."""
    if sorted(node.args[1:]) != [1, 2]:  # type: ignore[type-var]
        raise UserError(f"{node.name} transposes axes {node.args[1:]}: pruning knows channels that become rows")
    return np.full(node.meta["val"].shape[1], STAY)


@lowers("aten.transpose.int", channels=_channels_to_rows)
def _lower(lowering: Lowering, node: Node) -> str:
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
