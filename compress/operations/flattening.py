"""A map of one position as a vector.

Shapes: C channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from compress.arithmetic.arithmetic import Arithmetic, Tensor
from compress.arithmetic.geometry import Axes
from compress.operations.movement import Movement


@dataclass(frozen=True)
class Flattening(Movement, kind="flattening"):
    """(C, 1, 1) -> (C,)."""

    input: str
    output: str

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)

    def move(self, do: Arithmetic, inputs: Sequence[Tensor], axes: Axes) -> Tensor:
        (x,) = inputs
        return do.reshape(x, (x.shape[0], x.shape[axes.channel]))
