"""Rows of zeros around the bands of a map, for operations that see parts of it.

Shapes: C channels, F mel bands, T frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from compress.arithmetic.arithmetic import Arithmetic, Axes, Tensor
from compress.operations.formula import Movement
from compress.operations.operation import OneInput


@dataclass(frozen=True)
class Padding(OneInput, Movement, kind="padding"):
    """(C, F, T) -> (C, F + 2 rows, T); in INT8 a zero is the zero point."""

    input: str
    output: str
    rows: int
    """Before the first band and behind the last."""

    def move(self, do: Arithmetic, inputs: Sequence[Tensor], axes: Axes) -> Tensor:
        return do.pad_bands(inputs[0], self.rows)
