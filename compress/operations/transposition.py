"""The axes of a map in another order, such as channels that become the bands of a picture.

Shapes: B batch, C channels, F mel bands, T frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.fx import Node

from compress.lowering.channels import STAY, Channels, ChannelWalk
from compress.lowering.graph import Lowering, lowers
from compress.operations.channel_shuffle import begun_at
from compress.operations.movement import CHANNELS_LAST, Movement
from tinyasc.errors import UserError


@dataclass(frozen=True)
class Transposition(Movement, kind="transposition"):
    """Axis i of the output is axis `order[i]` of the input, of (C, F, T)."""

    input: str
    output: str
    order: tuple[int, int, int]

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)

    @property
    def order_channels_last(self) -> tuple[int, ...]:
        """The same for (F, T, C)."""
        return tuple(CHANNELS_LAST.index(self.order[axis]) for axis in CHANNELS_LAST)

    def moved(self, inputs: Sequence[Tensor]) -> Tensor:
        return inputs[0].permute(0, *(axis + 1 for axis in self.order))

    def moved_array(self, inputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return inputs[0].transpose(0, *(axis + 1 for axis in self.order_channels_last))


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
