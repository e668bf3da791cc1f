"""Neighbouring channels, bands or frames of a map.

Shapes: C channels, F mel bands, T frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch.fx import Node

from compress.arithmetic.arithmetic import Arithmetic, Axes, Tensor
from compress.lowering.graph import Lowering, arguments, lowers
from compress.operations.formula import Movement
from compress.operations.operation import OneInput
from tinyasc.errors import UserError


@dataclass(frozen=True)
class Slicing(OneInput, Movement, kind="slicing"):
    """`length` of an axis of (C, F, T), from `start` on."""

    input: str
    output: str
    axis: int
    start: int
    length: int

    def move(self, do: Arithmetic, inputs: Sequence[Tensor], axes: Axes) -> Tensor:
        return do.narrow(inputs[0], axes.places[self.axis], self.start, self.length)


@lowers("aten.chunk.default")
def _chunk(lowering: Lowering, node: Node) -> str:
    """The source of a chunking; its parts are taken by `_part`."""
    source, _, axis = arguments(node, 3, (0,))
    if axis != 1:
        raise UserError(f"{node.name} takes a map apart along axis {axis}: the INT8 program does so along channels")
    return lowering.name_of[source]


@lowers("<built-in function getitem>")
def _part(lowering: Lowering, node: Node) -> str:
    """One part of a chunking."""
    given: tuple[Any, ...] = node.args
    source, number = given
    sizes = [one.shape[1] for one in source.meta["val"]]
    name = lowering.name_of[source]
    return lowering.emit(node, Slicing(name, node.name, 0, sum(sizes[:number]), sizes[number]))
