"""A map of one position as a vector.

Shapes: B batch, C channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from compress.operations.movement import Movement


@dataclass(frozen=True)
class Flattening(Movement, kind="flattening"):
    """(C, 1, 1) -> (C,)."""

    input: str
    output: str

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)

    def moved(self, inputs: Sequence[Tensor]) -> Tensor:
        return inputs[0].flatten(1)

    def moved_array(self, inputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return inputs[0].reshape(len(inputs[0]), -1)
