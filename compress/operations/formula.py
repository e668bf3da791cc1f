"""What operations share that no integer kernel has: they are written once, in the operators of `compress.arithmetic`.

Simulator, training and both files evaluate the same lines. A `Formula` computes in two forms. `float_formula` is the
operation in real numbers: of the float program, of what is observed, and of the gradient. `int8_formula` is what the
INT8 program computes; its numbers are such that every runtime has the same bits; why is proven at the head of each
operation. A `Movement` is exact in every runtime: it moves integers and changes none, so input and output share one
quantization.

Shapes: B batch, C channels, F mel bands, T frames.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from compress.arithmetic import arithmetic
from compress.arithmetic.arithmetic import CHANNELS_FIRST, CHANNELS_LAST, Arithmetic, Axes
from compress.arithmetic.in_numpy import NumpyArithmetic
from compress.arithmetic.in_torch import TorchArithmetic
from compress.operations.operation import Operation, Quantizations, Shapes
from compress.operations.straight_through import Stand


class Formula(Operation):
    """An operation in float32 operators; in an INT8 program its inputs are dequantized and its output quantized."""

    @abstractmethod
    def float_formula(
        self,
        do: Arithmetic,
        inputs: Sequence[arithmetic.Tensor],
        parameters: Mapping[str, arithmetic.Tensor],
        axes: Axes,
    ) -> dict[str, arithmetic.Tensor]:
        """The real output, before any ReLU, and what is `inside`, by name.

        Args:
            do: where it is computed.
            inputs: real.
            parameters: of `parameters`, each broadcast over a map.
            axes: of the inputs.
        """

    @abstractmethod
    def int8_formula(self, do: Arithmetic, inputs: Sequence[arithmetic.Tensor], axes: Axes) -> arithmetic.Tensor:
        """What is quantized in the scale of the output, of integers minus their zero points times the scales in the
        file; the operation must be an INT8 one."""

    def written(
        self, do: Arithmetic, inputs: Sequence[arithmetic.Tensor], axes: Axes, quantized: bool
    ) -> arithmetic.Tensor:
        """The formula of an INT8 program or of a float one, which a ReLU may follow, with the present parameters."""
        if quantized:
            return self.int8_formula(do, inputs, axes)
        parameters = {name: do.constant(array) for name, array in self._shaped(axes).items()}
        return self.float_formula(do, inputs, parameters, axes)[self.output]

    def run_float(self, inputs: Sequence[Tensor]) -> dict[str, Tensor]:
        do = TorchArithmetic(inputs[0].device)
        parameters = {name: do.constant(array) for name, array in self._shaped(CHANNELS_FIRST).items()}
        found = self.float_formula(do, arithmetic.tensors(inputs), parameters, CHANNELS_FIRST)
        return {
            name: tensor.key.relu() if self.rectified and name == self.output else tensor.key
            for name, tensor in found.items()
        }

    def simulate(self, inputs: Sequence[NDArray[np.int8]], quantizations: Quantizations) -> NDArray[Any]:
        pairs = zip(inputs, (quantizations[name] for name in self.inputs), strict=True)
        reals = [(value.astype(np.float32) - found.zero_point) * np.float32(found.scale) for value, found in pairs]
        result = self.int8_formula(NumpyArithmetic(), arithmetic.tensors(reals), CHANNELS_LAST).key
        return result / np.float32(quantizations[self.output].scale)

    def train(self, tensors: Mapping[str, Tensor], inputs: Sequence[Tensor], quantizations: Quantizations) -> Tensor:
        do, output = TorchArithmetic(inputs[0].device), quantizations[self.output]
        given = [quantizations[name] for name in self.inputs]
        reals = arithmetic.tensors([value * found.step for value, found in zip(inputs, given, strict=True)])
        parameters = {
            name: tensors[name].reshape(CHANNELS_FIRST.per_channel(tensors[name].numel())) for name in tensors
        }
        named = {name: arithmetic.Tensor(tensor, tuple(tensor.shape)) for name, tensor in parameters.items()}
        formula = self.float_formula(do, reals, named, CHANNELS_FIRST)[self.output]
        shapes = dict(zip(self.inputs, (value.shape[1:] for value in inputs), strict=True))
        with torch.no_grad():
            present = self.with_parameters({name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()})
            int8 = present.quantized(quantizations, {**shapes, self.output: formula.shape[1:]})
            filed = arithmetic.tensors([value * found.scale for value, found in zip(inputs, given, strict=True)])
            exact = int8.int8_formula(do, filed, CHANNELS_FIRST).key / output.scale
        return Stand.apply(exact, formula.key / output.step)

    def _shaped(self, axes: Axes) -> dict[str, NDArray[np.float32]]:
        """The parameters as `float_formula` takes them."""
        return {name: array.reshape(axes.per_channel(array.size)) for name, array in self.parameters.items()}


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
