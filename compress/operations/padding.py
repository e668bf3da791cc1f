"""Rows of zeros around the bands of a map, for operations that see parts of it.

Shapes: C channels, F mel bands, T frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from compress.arithmetic.arithmetic import Arithmetic, Tensor
from compress.arithmetic.geometry import Axes
from compress.operations.movement import Movement


@dataclass(frozen=True)
class Padding(Movement, kind="padding"):
    """(C, F, T) -> (C, F + 2 rows, T); in INT8 a zero is the zero point."""

    input: str
    output: str
    rows: int
    """Before the first band and behind the last."""

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)

    def move(self, do: Arithmetic, inputs: Sequence[Tensor], axes: Axes) -> Tensor:
        return do.pad_bands(inputs[0], self.rows)
