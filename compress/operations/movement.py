"""What operations have in common that move integers and change none: input and output share one quantization.

    y = x at another place, exact in every runtime

Shapes: B batch, C channels, F mel bands, T frames.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from compress.operations.operation import Operation, Quantizations, Shapes

CHANNELS_LAST = (1, 2, 0)
"""Which axis of (C, F, T) each of (F, T, C) is."""


class Movement(Operation):
    """An operation whose output consists of numbers of its inputs, and zeros at most."""

    @property
    def shared(self) -> tuple[str, ...]:
        return (*self.inputs, self.output)

    @abstractmethod
    def moved(self, inputs: Sequence[Tensor]) -> Tensor:
        """What it does, for inputs (B, C, F, T)."""

    @abstractmethod
    def moved_array(self, inputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """What it does, for inputs (B, F, T, C)."""

    def run_float(self, inputs: Sequence[Tensor]) -> dict[str, Tensor]:
        return {self.output: self.moved(inputs)}

    def quantized(self, quantizations: Quantizations, shapes: Shapes) -> Self:
        return self

    def simulate(self, inputs: Sequence[NDArray[np.int8]], quantizations: Quantizations) -> NDArray[Any]:
        zero_point = quantizations[self.output].zero_point
        return self.moved_array([value.astype(np.int16) - zero_point for value in inputs])

    def train(self, tensors: Mapping[str, Tensor], inputs: Sequence[Tensor], quantizations: Quantizations) -> Tensor:
        return self.moved(inputs)
