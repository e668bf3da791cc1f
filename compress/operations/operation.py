"""What every kind of operation says of itself, so that the walks over a program need not know which kinds there are.

Shapes: B batch, C channels, F mel bands, T frames. Values are (B, F, T, C) in NumPy, (B, C, F, T) in torch.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from compress.operations.scales import Scales
from compress.quantization import Quantization

Quantizations = Mapping[str, Quantization]
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Value:
    """An activation: (C, F, T), or (K,) at the end; or a number per channel inside of an operation: (C,)."""

    name: str
    shape: tuple[int, ...]
    quantization: Quantization | None = None
    layer: str = ""
    """The network's module that makes it, as `named_modules` calls it; empty where that is the network itself."""


KINDS: dict[str, type["Operation"]] = {}
"""Every kind of operation that is imported, by its name in saved programs; each class registers itself."""


class Operation(ABC):
    """One step of a program, float or INT8: frozen, its fields numbers, arrays and names of values."""

    kind: ClassVar[str]
    """What saved programs call it."""
    inputs: tuple[str, ...]
    output: str

    def __init_subclass__(cls, *, kind: str = "", **keywords: Any) -> None:
        """Register a kind of operation under its name; base classes have none."""
        super().__init_subclass__(**keywords)
        if kind:
            cls.kind = kind
            if KINDS.setdefault(kind, cls) is not cls:
                raise ValueError(f"there are two kinds {kind}, in {KINDS[kind].__module__} and {cls.__module__}")

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


class OneInput:
    """What operations with one input name it by; stands before the base class that says how they are computed."""

    input: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """The values that it takes: the one."""
        return (self.input,)
