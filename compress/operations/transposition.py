"""The axes of a map in another order, such as channels that become the bands of a picture.

Shapes: B batch, C channels, F mel bands, T frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from compress.operations.movement import CHANNELS_LAST, Movement


@dataclass(frozen=True)
class Transposition(Movement):
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
