"""A map of one position as a vector.

Shapes: C channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from compress.arithmetic.arithmetic import Arithmetic, Axes, Tensor
from compress.operations.formula import Movement
from compress.operations.operation import OneInput


@dataclass(frozen=True)
class Flattening(OneInput, Movement, kind="flattening"):
    """(C, 1, 1) -> (C,)."""

    input: str
    output: str

    def move(self, do: Arithmetic, inputs: Sequence[Tensor], axes: Axes) -> Tensor:
        (x,) = inputs
        return do.reshape(x, (x.shape[0], x.shape[axes.channel]))
