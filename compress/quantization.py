"""What integers stand for, and how the range of an activation becomes a scale and a zero point.

Integers have 8 bits, or 16 where a layer needs them (`compress.operations.wide`).
"""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

INT8_MIN, INT8_MAX = -128, 127
REACH = INT8_MAX - INT8_MIN
"""The largest difference of two int8."""
CLAMPED = REACH + 1
"""Steps from the zero point beyond which an int8 is clamped, wherever its zero point is."""
NARROW, WIDE = 8, 16
"""Bits of an activation."""


@dataclass(frozen=True)
class Quantization:
    """real = unit * scale * (integer - zero_point), for integers of 8 or 16 bits."""

    scale: float
    """Step between neighbouring integers as the files have it; exactly a float32."""
    zero_point: int
    """The integer that stands for 0.0."""
    unit: float = 1.0
    """What 1.0 of the files stands for. Not 1 only next to norms and attention, which want scales that are integers;
    the weight scales of the convolutions around them make up for it."""
    bits: int = NARROW
    """8, or 16: a wide value, which files carry in float32 as integer - zero_point."""

    def __post_init__(self) -> None:
        if not (np.isfinite(self.scale) and self.scale > 0 and float(np.float32(self.scale)) == self.scale):
            raise ValueError(f"scale must be a positive float32, not {self.scale!r}")
        if self.bits not in (NARROW, WIDE):
            raise ValueError(f"bits must be {NARROW} or {WIDE}, not {self.bits}")
        if not self.lowest <= self.zero_point <= self.highest:
            raise ValueError(f"zero_point must be an int{self.bits}, not {self.zero_point}")

    @property
    def wide(self) -> bool:
        return self.bits == WIDE

    @property
    def dtype(self) -> type[np.signedinteger]:
        """Of the integers in NumPy."""
        return np.int16 if self.wide else np.int8

    @property
    def lowest(self) -> int:
        """The lowest integer."""
        return -(2 ** (self.bits - 1))

    @property
    def highest(self) -> int:
        """The highest integer."""
        return 2 ** (self.bits - 1) - 1

    @property
    def step(self) -> float:
        """Real step between neighbouring integers."""
        return self.unit * self.scale

    @property
    def bias_step(self) -> float:
        """What a convolution's biases count in, in units of the weights' step: one of the high part of a wide input."""
        return self.step * 2 ** (self.bits - NARROW)

    @property
    def reach(self) -> int:
        """The largest |integer - zero_point|."""
        return max(self.highest - self.zero_point, self.zero_point - self.lowest)


@dataclass(frozen=True)
class Range:
    """Smallest and largest real value of an activation."""

    low: float
    high: float


def activation(found: Range, *, symmetric: bool = False, bits: int = NARROW) -> Quantization:
    """The quantization of a range, widened so that it holds 0.0 exactly.

    Args:
        found: the range.
        symmetric: 0.0 is the integer 0 where the range has both signs; where it begins at 0.0, as behind a ReLU, 0.0 is
            the lowest integer all the same.
        bits: of the integers.
    """
    low, high = min(found.low, 0.0), max(found.high, 0.0)
    lowest, highest = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    if symmetric and low < 0:
        return Quantization(float(np.float32(max(high, -low, 1e-6) / highest)), 0, bits=bits)
    scale = float(np.float32(max(high - low, 1e-6) / (highest - lowest)))
    zero_point = int(np.clip(np.rint(lowest - low / scale), lowest, highest))
    return Quantization(scale, zero_point, bits=bits)


def rescaled(old: Quantization, scale: float, unit: float | None = None) -> Quantization:
    """The quantization with another scale, its range centred on the old one; a range from 0.0 still starts there."""
    low = old.step * (old.lowest - old.zero_point)
    high = old.step * (old.highest - old.zero_point)
    new = replace(old, scale=float(np.float32(scale)), unit=old.unit if unit is None else unit)
    if low == 0:
        return replace(new, zero_point=old.lowest)
    zero_point = np.rint((old.lowest + old.highest) / 2 - (low + high) / 2 / new.step)
    return replace(new, zero_point=int(np.clip(zero_point, old.lowest, old.highest)))


def distance_from_tie(sums: NDArray[np.float64]) -> float:
    """Smallest distance of some numbers from an integer and a half, where runtimes may round to either side."""
    return float(np.abs(sums - np.floor(sums) - 0.5).min())


Part = TypeVar("Part")


def quantized_part(name: str, part: Part | None) -> Part:
    """What only an INT8 program has of a value or an operation.

    Raises:
        ValueError: the program is a float one.
    """
    if part is None:
        raise ValueError(f"{name} is not quantized: an INT8 program is needed")
    return part
