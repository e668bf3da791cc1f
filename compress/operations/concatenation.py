"""Maps one behind the other along channels, bands or frames; all of them share one quantization.

Shapes: C channels, F mel bands, T frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch.fx import Node

from compress.arithmetic.arithmetic import Arithmetic, Axes, Tensor
from compress.lowering.graph import Lowering, arguments, lowers
from compress.operations.formula import Movement
from tinyasc.errors import UserError


@dataclass(frozen=True)
class Concatenation(Movement, kind="concatenation"):
    """Along an axis of (C, F, T)."""

    inputs: tuple[str, ...]
    output: str
    axis: int

    def move(self, do: Arithmetic, inputs: Sequence[Tensor], axes: Axes) -> Tensor:
        return do.concatenate(inputs, axes.places[self.axis])


@lowers("aten.cat.default")
def _lower(lowering: Lowering, node: Node) -> str:
    """Along the channels."""
    sources, axis = arguments(node, 2, (0,))
    if axis != 1:
        raise UserError(f"{node.name} joins maps along axis {axis}: the INT8 program does so along channels")
    names = tuple(lowering.name_of[source] for source in sources)
    return lowering.emit(node, Concatenation(names, node.name, 0))
