"""Max pooling without padding; the largest integer stands for the largest real number.

Shapes: B batch, C channels, F mel bands, T frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.fx import Node
from torch.nn import functional

from compress.lowering.channels import each_channel
from compress.lowering.graph import Lowering, arguments, lowers, pair
from compress.operations.movement import Movement
from tinyasc.errors import UserError


@dataclass(frozen=True)
class MaxPooling(Movement, kind="max_pooling"):
    """(C, F, T) -> (C, F', T'); what does not fill a window at the end is left out."""

    input: str
    output: str
    kernel: tuple[int, int]
    stride: tuple[int, int]

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)

    def moved(self, inputs: Sequence[Tensor]) -> Tensor:
        return functional.max_pool2d(inputs[0], self.kernel, self.stride)

    def moved_array(self, inputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        (value,), (step_f, step_t) = inputs, self.stride
        bands, frames = ((value.shape[axis + 1] - self.kernel[axis]) // self.stride[axis] + 1 for axis in (0, 1))
        result = value[:, : bands * step_f : step_f, : frames * step_t : step_t]
        for i, j in np.ndindex(self.kernel):
            result = np.maximum(result, value[:, i : i + bands * step_f : step_f, j : j + frames * step_t : step_t])
        return result


@lowers("aten.max_pool2d.default", channels=each_channel)
def _lower(lowering: Lowering, node: Node) -> str:
    source, kernel, stride, padding, dilation, ceil_mode = arguments(node, 6, ((), (0, 0), (1, 1), False))
    if pair(padding) != (0, 0) or pair(dilation) != (1, 1) or ceil_mode:
        raise UserError(f"{node.name} pads, dilates or rounds up: the INT8 program pools what fills a window")
    operation = MaxPooling(lowering.name_of[source], node.name, pair(kernel), pair(stride or kernel))
    return lowering.emit(node, operation)
