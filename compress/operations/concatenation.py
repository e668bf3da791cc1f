"""Maps one behind the other along channels, bands or frames; all of them share one quantization.

Shapes: B batch, C channels, F mel bands, T frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from compress.operations.movement import CHANNELS_LAST, Movement


@dataclass(frozen=True)
class Concatenation(Movement):
    """Along an axis of (C, F, T)."""

    inputs: tuple[str, ...]
    output: str
    axis: int

    def moved(self, inputs: Sequence[Tensor]) -> Tensor:
        return torch.cat(tuple(inputs), self.axis + 1)

    def moved_array(self, inputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate(inputs, CHANNELS_LAST.index(self.axis) + 1)
