"""Neighbouring channels, bands or frames of a map.

Shapes: B batch, C channels, F mel bands, T frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from torch import Tensor
from torch.fx import Node

from compress.lowering.graph import Lowering, arguments, lowers
from compress.operations.movement import CHANNELS_LAST, Movement
from tinyasc.errors import UserError


@dataclass(frozen=True)
class Slicing(Movement, kind="slicing"):
    """`length` of an axis of (C, F, T), from `start` on."""

    input: str
    output: str
    axis: int
    start: int
    length: int

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)

    def moved(self, inputs: Sequence[Tensor]) -> Tensor:
        return inputs[0].narrow(self.axis + 1, self.start, self.length)

    def moved_array(self, inputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        before = (slice(None),) * (CHANNELS_LAST.index(self.axis) + 1)
        return inputs[0][(*before, slice(self.start, self.start + self.length))]


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
