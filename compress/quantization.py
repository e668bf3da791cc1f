"""What int8 integers stand for, and how the range of an activation becomes a scale and a zero point."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

INT8_MIN, INT8_MAX = -128, 127


@dataclass(frozen=True)
class Quantization:
    """real = unit * scale * (integer - zero_point), for int8 integers."""

    scale: float
    """Step between neighbouring integers as the files have it; exactly a float32."""
    zero_point: int
    """The integer that stands for 0.0."""
    unit: float = 1.0
    """What 1.0 of the files stands for. Not 1 only next to norms and attention, which want scales that are powers of 2;
    the weight scales of the convolutions around them make up for it."""

    def __post_init__(self) -> None:
        if not (np.isfinite(self.scale) and self.scale > 0 and float(np.float32(self.scale)) == self.scale):
            raise ValueError(f"scale must be a positive float32, not {self.scale!r}")
        if not INT8_MIN <= self.zero_point <= INT8_MAX:
            raise ValueError(f"zero_point must be an int8, not {self.zero_point}")

    @property
    def step(self) -> float:
        """Real step between neighbouring integers."""
        return self.unit * self.scale

    @property
    def reach(self) -> int:
        """The largest |integer - zero_point|."""
        return max(INT8_MAX - self.zero_point, self.zero_point - INT8_MIN)


@dataclass(frozen=True)
class Range:
    """Smallest and largest real value of an activation."""

    low: float
    high: float


def activation(found: Range) -> Quantization:
    """Affine int8 quantization of a range, widened so that it holds 0.0 exactly."""
    low, high = min(found.low, 0.0), max(found.high, 0.0)
    scale = float(np.float32(max(high - low, 1e-6) / (INT8_MAX - INT8_MIN)))
    zero_point = int(np.clip(np.rint(INT8_MIN - low / scale), INT8_MIN, INT8_MAX))
    return Quantization(scale, zero_point)


def rescaled(old: Quantization, scale: float, unit: float | None = None) -> Quantization:
    """The quantization with another scale, its range centred on the old one; a range from 0.0 still starts there."""
    low = old.step * (INT8_MIN - old.zero_point)
    high = old.step * (INT8_MAX - old.zero_point)
    new = replace(old, scale=float(np.float32(scale)), unit=old.unit if unit is None else unit)
    if low == 0:
        return replace(new, zero_point=INT8_MIN)
    zero_point = np.rint((INT8_MIN + INT8_MAX) / 2 - (low + high) / 2 / new.step)
    return replace(new, zero_point=int(np.clip(zero_point, INT8_MIN, INT8_MAX)))


def distance_from_tie(sums: NDArray[np.float64]) -> float:
    """Smallest distance of some numbers from an integer and a half, where runtimes may round to either side."""
    return float(np.abs(sums - np.floor(sums) - 0.5).min())
