"""What operations have in common that move integers and change none: input and output share one quantization.

    y = x at another place, exact in every runtime

What one does is written once, in the operators of `compress.arithmetic`: simulator, training and both files evaluate
the same lines, over int8 as over float32.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from compress.arithmetic import arithmetic
from compress.arithmetic.arithmetic import Arithmetic
from compress.arithmetic.geometry import CHANNELS_FIRST, CHANNELS_LAST, Axes
from compress.arithmetic.in_numpy import NumpyArithmetic
from compress.arithmetic.in_torch import TorchArithmetic
from compress.operations.operation import Operation, Quantizations, Shapes


class Movement(Operation):
    """An operation whose output consists of numbers of its inputs, and zeros at most."""

    @property
    def shared(self) -> tuple[str, ...]:
        return (*self.inputs, self.output)

    @abstractmethod
    def move(self, do: Arithmetic, inputs: Sequence[arithmetic.Tensor], axes: Axes) -> arithmetic.Tensor:
        """What it does, for inputs with such axes."""

    def run_float(self, inputs: Sequence[Tensor]) -> dict[str, Tensor]:
        do = TorchArithmetic(inputs[0].device)
        return {self.output: self.move(do, arithmetic.tensors(inputs), CHANNELS_FIRST).key}

    def quantized(self, quantizations: Quantizations, shapes: Shapes) -> Self:
        return self

    def simulate(self, inputs: Sequence[NDArray[np.int8]], quantizations: Quantizations) -> NDArray[Any]:
        zero_point = quantizations[self.output].zero_point
        centred = arithmetic.tensors([value.astype(np.int16) - zero_point for value in inputs])
        return self.move(NumpyArithmetic(), centred, CHANNELS_LAST).key

    def train(self, tensors: Mapping[str, Tensor], inputs: Sequence[Tensor], quantizations: Quantizations) -> Tensor:
        return self.run_float(inputs)[self.output]
