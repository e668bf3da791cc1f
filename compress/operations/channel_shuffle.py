"""Channel shuffle: channel i moves to group i mod `groups`, in order (Zhang et al., "ShuffleNet", 2018).

A network spells it as reshape, transposition, reshape: it is met at the last of them.

Shapes: C channels, F mel bands, T frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.fx import Node

from compress.arithmetic.arithmetic import CHANNELS_FIRST, Arithmetic, Axes, Tensor
from compress.lowering.graph import Lowering, lowers
from compress.operations.convolution import Convolution
from compress.operations.formula import Movement
from compress.operations.operation import OneInput
from tinyasc.errors import UserError

RESHAPES = ("aten.reshape.default", "aten.view.default")


@dataclass(frozen=True)
class ChannelShuffle(OneInput, Movement, kind="channel_shuffle"):
    """(C, F, T) -> same shape; `groups` divides C."""

    input: str
    output: str
    groups: int

    def move(self, do: Arithmetic, inputs: Sequence[Tensor], axes: Axes) -> Tensor:
        (x,), groups = inputs, self.groups
        positions = x.shape[axes.frequency] * x.shape[axes.time]
        if axes == CHANNELS_FIRST:
            rows = do.reshape(x, (x.shape[0], -1, groups, positions))
            return do.reshape(do.transpose(rows, (0, 2, 1, 3)), x.shape)
        rows = do.reshape(x, (x.shape[0], positions, x.shape[axes.channel] // groups, groups))
        return do.reshape(do.transpose(rows, (0, 1, 3, 2)), x.shape)


@lowers(*RESHAPES)
def _reshape(lowering: Lowering, node: Node) -> str:
    """The reshapes of a channel shuffle; there are no others."""
    given: tuple[Any, ...] = node.args
    if begun_at(node) is not None:
        return lowering.name_of[given[0]]
    begun = given[0].args[0] if given[0].op == "call_function" and given[0].args else None
    groups = begun_at(begun) if isinstance(begun, Node) else None
    if groups is None:
        raise UserError(f"{node.name} reshapes a map: the INT8 program does so in a channel shuffle alone")
    return _shuffle(lowering, node, given[0], groups)


def begun_at(node: Node) -> int | None:
    """Groups of the channel shuffle that a reshape begins: (C / groups, groups, F T), transposed, (C, F, T) again."""
    if str(node.target) not in RESHAPES:
        return None
    given: tuple[Any, ...] = node.args
    before, made = tuple(given[0].meta["val"].shape), tuple(node.meta["val"].shape)
    users = list(node.users)
    if len(before) != 4 or len(made) != 4 or before[2] * before[3] != made[3] or len(users) != 1:
        return None
    transposed, second = users[0], list(users[0].users)
    swapped = str(transposed.target) == "aten.transpose.int" and tuple(transposed.args[1:]) == (1, 2)
    if not swapped or len(second) != 1 or tuple(second[0].meta["val"].shape) != before:
        return None
    return made[2] if str(second[0].target) in RESHAPES else None


def _shuffle(lowering: Lowering, node: Node, source: Node, groups: int) -> str:
    """In the weights of a dense convolution right before it, else an operation of its own."""
    name, last = lowering.name_of[source], lowering.operations[-1] if lowering.operations else None
    alone = lowering.uses(source) == 1
    if isinstance(last, Convolution) and last.groups == 1 and last.output == name and alone:
        order = shuffled(len(last.weight), groups)
        lowering.operations[-1] = replace(last, weight=last.weight[order], bias=last.bias[order])
        return name
    return lowering.emit(node, ChannelShuffle(name, node.name, groups))


def shuffled(channels: int, groups: int) -> NDArray[np.int64]:
    """Which channel each of the shuffled ones is, (C,)."""
    return np.arange(channels).reshape(-1, groups).T.ravel()
