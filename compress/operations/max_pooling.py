"""Max pooling without padding; the largest integer stands for the largest real number.

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
class MaxPooling(Movement):
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
