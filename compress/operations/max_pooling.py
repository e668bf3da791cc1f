"""Max pooling without padding; the largest integer stands for the largest real number.

Shapes: C channels, F mel bands, T frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch.fx import Node

from compress.arithmetic.arithmetic import Arithmetic, Axes, Tensor
from compress.lowering.channels import each_channel
from compress.lowering.graph import Lowering, arguments, lowers, pair
from compress.operations.formula import Movement
from compress.operations.operation import OneInput
from tinyasc.errors import UserError


@dataclass(frozen=True)
class MaxPooling(OneInput, Movement, kind="max_pooling"):
    """(C, F, T) -> (C, F', T'); what does not fill a window at the end is left out."""

    input: str
    output: str
    kernel: tuple[int, int]
    stride: tuple[int, int]

    def move(self, do: Arithmetic, inputs: Sequence[Tensor], axes: Axes) -> Tensor:
        return do.max_pool(inputs[0], self.kernel, self.stride)


@lowers("aten.max_pool2d.default", channels=each_channel)
def _lower(lowering: Lowering, node: Node) -> str:
    source, kernel, stride, padding, dilation, ceil_mode = arguments(node, 6, ((), (0, 0), (1, 1), False))
    if pair(padding) != (0, 0) or pair(dilation) != (1, 1) or ceil_mode:
        raise UserError(f"{node.name} pads, dilates or rounds up: the INT8 program pools what fills a window")
    operation = MaxPooling(lowering.name_of[source], node.name, pair(kernel), pair(stride or kernel))
    return lowering.emit(node, operation)
