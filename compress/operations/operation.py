"""What every kind of operation says of itself, so that the walks over a program need not know which kinds there are.

Shapes: B batch, C channels, F mel bands, T frames. Values are (B, F, T, C) in NumPy, (B, C, F, T) in torch.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from compress.operations.scales import Scales
from compress.quantization import Quantization

Quantizations = Mapping[str, Quantization]
Shapes = Mapping[str, tuple[int, ...]]


class Operation(ABC):
    """One step of a program, float or INT8: frozen, its fields numbers, arrays and names of values."""

    inputs: tuple[str, ...]
    output: str

    @property
    def inside(self) -> tuple[str, ...]:
        """Values that no other operation sees, whose ranges it must know all the same."""
        return ()

    @property
    def shared(self) -> tuple[str, ...]:
        """Values that have one quantization, because it moves integers and changes none."""
        return ()

    @property
    def rectified(self) -> bool:
        """Whether a ReLU is part of it."""
        return bool(getattr(self, "relu", False))

    @property
    def parameters(self) -> dict[str, NDArray[Any]]:
        """What training changes, by field."""
        return {}

    @property
    def constants(self) -> dict[str, NDArray[Any]]:
        """What it computes with, by field, and training leaves alone."""
        return {}

    def real_weight(self, quantizations: Quantizations) -> NDArray[np.floating] | None:
        """The weights that it computes with, float or INT8, as real numbers; None where it has none."""
        return None

    def with_parameters(self, parameters: Mapping[str, NDArray[np.float32]]) -> Self:
        """The float operation with other parameters; itself where it has none."""
        return self

    def settle(self, scales: Scales) -> None:  # noqa: B027 - most operations take any scales
        """Change the scales of its values to those it can work with.

        Raises:
            UserError: earlier operations leave it no choice.
        """

    def refine(self, scales: Scales) -> None:  # noqa: B027 - most operations are content
        """When all are settled, change scales so that no ratio of those that are bound changes.

        Raises:
            UserError: no scale will do.
        """

    @abstractmethod
    def run_float(self, inputs: Sequence[Tensor]) -> dict[str, Tensor]:
        """Real inputs to the real output and what is `inside`, by name."""

    @abstractmethod
    def quantized(self, quantizations: Quantizations, shapes: Shapes) -> Self:
        """The INT8 operation of a float one.

        Raises:
            UserError: its arithmetic could leave what every runtime computes alike.
        """

    @abstractmethod
    def simulate(self, inputs: Sequence[NDArray[np.int8]], quantizations: Quantizations) -> NDArray[Any]:
        """The INT8 operation in NumPy: integers to the output in its steps from its zero point, not yet rounded."""

    @abstractmethod
    def train(self, tensors: Mapping[str, Tensor], inputs: Sequence[Tensor], quantizations: Quantizations) -> Tensor:
        """What `simulate` of the INT8 operation computes, to the last bit, with gradients.

        Args:
            tensors: parameters and constants of this float operation, by field.
            inputs: integers minus their zero points, in float32.
            quantizations: of every value.
        """
