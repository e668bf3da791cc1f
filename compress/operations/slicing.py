"""Neighbouring channels, bands or frames of a map.

Shapes: B batch, C channels, F mel bands, T frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from compress.operations.movement import CHANNELS_LAST, Movement


@dataclass(frozen=True)
class Slicing(Movement):
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
