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
from torch.fx import Node

from compress.lowering.graph import Lowering, arguments, lowers
from compress.operations.movement import CHANNELS_LAST, Movement
from tinyasc.errors import UserError


@dataclass(frozen=True)
class Concatenation(Movement, kind="concatenation"):
    """Along an axis of (C, F, T)."""

    inputs: tuple[str, ...]
    output: str
    axis: int

    def moved(self, inputs: Sequence[Tensor]) -> Tensor:
        return torch.cat(tuple(inputs), self.axis + 1)

    def moved_array(self, inputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate(inputs, CHANNELS_LAST.index(self.axis) + 1)


@lowers("aten.cat.default")
def _lower(lowering: Lowering, node: Node) -> str:
    """Along the channels."""
    sources, axis = arguments(node, 2, (0,))
    if axis != 1:
        raise UserError(f"{node.name} joins maps along axis {axis}: the INT8 program does so along channels")
    names = tuple(lowering.name_of[source] for source in sources)
    return lowering.emit(node, Concatenation(names, node.name, 0))
