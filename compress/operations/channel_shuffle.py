"""Channel shuffle: channel i moves to group i mod `groups`, in order (Zhang et al., "ShuffleNet", 2018).

Shapes: B batch, C channels, F mel bands, T frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from compress.operations.movement import Movement


@dataclass(frozen=True)
class ChannelShuffle(Movement):
    """(C, F, T) -> same shape; `groups` divides C."""

    input: str
    output: str
    groups: int

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)

    def moved(self, inputs: Sequence[Tensor]) -> Tensor:
        return inputs[0][:, shuffled(inputs[0].shape[1], self.groups).tolist()]

    def moved_array(self, inputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return inputs[0][..., shuffled(inputs[0].shape[3], self.groups)]


def shuffled(channels: int, groups: int) -> NDArray[np.int64]:
    """Which channel each of the shuffled ones is, (C,)."""
    return np.arange(channels).reshape(-1, groups).T.ravel()
