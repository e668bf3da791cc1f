"""Rows of zeros around the bands of a map, for operations that see parts of it.

Shapes: B batch, C channels, F mel bands, T frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

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

    def moved(self, inputs: Sequence[Tensor]) -> Tensor:
        return functional.pad(inputs[0], (0, 0, self.rows, self.rows))

    def moved_array(self, inputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return np.pad(inputs[0], ((0, 0), (self.rows, self.rows), (0, 0), (0, 0)))
