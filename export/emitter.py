"""A program on its way into the graph of a file: one walk for both formats.

An operation is written by what its class is: a formula and a movement of numbers in the operators of their own lines
(`compress.arithmetic`), what reads or gives a 16-bit value likewise, over integers (the proofs are those of
`compress.operations.wide`). What has an integer kernel has an emitter in each format, registered for its class
(`to_tflite`, `to_onnx`).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from compress.arithmetic.arithmetic import Arithmetic, Axes, Tensor
from compress.operations.formula import Formula, Movement
from compress.operations.operation import Operation
from compress.operations.wide import TakesWide
from compress.program import Program
from compress.quantization import Quantization


@dataclass(eq=False)
class Step:
    """One operator of a movement, not yet written; it is the key of the tensor that it fills."""

    kind: str
    inputs: Sequence[Tensor]
    shape: tuple[int, ...]
    fields: dict[str, Any]
    constants: dict[str, Any] = field(default_factory=dict)
    """Further inputs, by what they are called."""
    key: Any = None
    """Of the tensor in the graph, when it is written."""

    @property
    def keys(self) -> list[Any]:
        """Of its inputs in the graph."""
        return [tensor.key.key if isinstance(tensor.key, Step) else tensor.key for tensor in self.inputs]


class Emitter(ABC):
    """A program, the graph that it goes into, and how its values are said there."""

    axes: ClassVar[Axes]

    def __init__(self, program: Program) -> None:
        self.program = program

    def emit(self) -> None:
        """Add every operation to the graph."""
        program = self.program
        for operation in program.operations:
            if program.quantized and isinstance(operation, TakesWide) and operation.any_wide(program.quantizations):
                self._over_integers(operation)
            elif isinstance(operation, Formula):
                self._formula(operation)
            elif isinstance(operation, Movement):
                self.move(operation)
            else:
                self.kernel(operation)

    @abstractmethod
    def kernel(self, operation: Operation) -> None:
        """Add an operation that has an integer kernel."""

    @abstractmethod
    def move(self, operation: Movement) -> None:
        """Add a movement of numbers: in INT8 of the integers themselves."""

    @abstractmethod
    def arithmetic(self, name: str) -> Arithmetic:
        """What writes float32 operators, under names that begin with `name` where the format wants names."""

    @abstractmethod
    def reals(self, operation: Operation) -> list[Tensor]:
        """The inputs of an operation as real numbers, in the scales of the file."""

    @abstractmethod
    def finish(self, operation: Formula, do: Arithmetic, result: Tensor) -> None:
        """What a formula gives as the value of the operation: behind its ReLU, and quantized."""

    @abstractmethod
    def integers(self, do: Arithmetic, operation: Operation, number: int) -> Tensor:
        """An input of an operation over integers, minus its zero point."""

    @abstractmethod
    def finish_integers(self, operation: Operation, result: Tensor) -> None:
        """A 16-bit value as it is, or what quantizes to an 8-bit one, as the value of an operation over integers."""

    def _formula(self, operation: Formula) -> None:
        inputs = self.reals(operation)
        do = self.arithmetic(f"{operation.output}/norm")
        self.finish(operation, do, operation.written(do, inputs, self.axes, self.program.quantized))

    def _over_integers(self, operation: TakesWide) -> None:
        do = self.arithmetic(f"{operation.output}/wide")
        inputs = [self.integers(do, operation, number) for number in range(len(operation.inputs))]
        result = operation.wide_formula(do, inputs, self.program.quantizations, self.axes)
        found = self.program.quantization(operation.output)
        self.finish_integers(operation, _within(do, result, found, operation.rectified))


def _within(do: Arithmetic, integers: Tensor, found: Quantization, relu: bool) -> Tensor:
    """A 16-bit value within what its bits hold, at least 0 behind a ReLU; of an 8-bit one what quantizes to it."""
    lowest = 0 if relu else found.lowest - found.zero_point
    if found.wide:
        below = do.minimum(integers, do.number(found.highest - found.zero_point))
        return do.maximum(below, do.number(lowest)) if lowest else do.relu(below)
    clamped = do.relu(integers) if relu and found.zero_point != found.lowest else integers
    return do.times(clamped, found.scale)
