"""A network file as a list of operations over tensors, in the same words for every format."""

from dataclasses import dataclass
from math import ceil, prod

Key = int | str
"""What a file calls a tensor: its number in a .tflite, its name in an .onnx."""

BITS = {"FLOAT64": 64, "INT64": 64, "UINT64": 64, "COMPLEX64": 64, "COMPLEX128": 128, "FLOAT32": 32, "INT32": 32}
BITS |= {"UINT32": 32, "FLOAT16": 16, "BFLOAT16": 16, "INT16": 16, "UINT16": 16, "INT8": 8, "UINT8": 8, "BOOL": 8}
BITS |= {"INT4": 4, "UINT4": 4, "INT2": 2}
"""Bits of one element by tensor type; types without a fixed size (strings, handles) count as 0."""


@dataclass(frozen=True)
class Tensor:
    """An activation or a constant."""

    name: str
    shape: tuple[int, ...]
    type: str
    """Type of its elements in TFLite's words, for example INT8."""
    constant: bool = False
    zeros: int = 0
    """Elements of a constant that stand for 0."""
    stored: int | None = None
    """Bytes of a sparse constant, which holds only some of its elements; None: it holds all."""

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        return ceil(self.elements * BITS.get(self.type, 0) / 8) if self.stored is None else self.stored


@dataclass(frozen=True)
class Operation:
    """One operation, with what a runtime does in the same step (activation function, requantization)."""

    kind: str
    inputs: tuple[Key, ...]
    """Without optional ones that are left out."""
    outputs: tuple[Key, ...]
    macs: int | None
    """None: it may multiply, and how often is not known."""
    weights: tuple[Key, ...] = ()
    """Inputs that are multiplied with."""
    biases: tuple[Key, ...] = ()


@dataclass(frozen=True)
class Graph:
    """One network for one clip."""

    tensors: dict[Key, Tensor]
    operations: tuple[Operation, ...]
    """In running order."""
    inputs: tuple[Key, ...]
    outputs: tuple[Key, ...]

    def live_bytes(self) -> list[int]:
        """Activation bytes alive at each operation; inputs live from the start, outputs to the end."""
        last = len(self.operations) - 1
        born: dict[Key, int] = dict.fromkeys(self.inputs, 0)
        dies: dict[Key, int] = dict.fromkeys(self.outputs, last)
        for position, operation in enumerate(self.operations):
            for key in operation.outputs:
                if not self.tensors[key].constant:  # an unpacked constant
                    born[key] = position
                    dies.setdefault(key, position)
            for key in operation.inputs:
                if not self.tensors[key].constant:
                    born.setdefault(key, 0)  # a state tensor that no operation writes
                    dies[key] = max(dies.get(key, 0), position)
        alive = [(born[key], dies.get(key, last), self.tensors[key].bytes) for key in born]
        return [sum(n for start, end, n in alive if start <= position <= end) for position in range(last + 1)]
