"""The scales of a program's values on their way, as its operations settle them in running order.

What only moves integers leaves them their scale, so its values share one from the start (`Operation.shared`). What
adds two values relies on the ratios of three scales: from then on these are bound, and can only be widened together.

Tie-free are ratios at which no sum of integers is half an integer: fractions that share an odd denominator. A sum of
such fractions is a whole number of odd parts, so it is at least 1 / (2 * denominator) from every tie.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np

from compress.quantization import Quantization, Range, rescaled
from tinyasc.errors import UserError


def odd_fraction_below(ratio: float, most: int) -> Fraction | None:
    """The largest fraction up to `ratio` with an odd denominator up to `most`; None where `ratio` is below them all."""
    denominators = np.arange(1, most + 1, 2)
    numerators = np.floor(ratio * denominators * (1 + 1e-12))
    best = int(np.argmax(numerators / denominators))
    return Fraction(int(numerators[best]), int(denominators[best])) if numerators[best] else None


def as_fraction(ratio: float, most: int) -> Fraction | None:
    """The ratio as the fraction with a denominator up to `most` that it is, but for rounding; None where it is none."""
    found = Fraction(ratio).limit_denominator(most)
    return found if abs(float(found) / ratio - 1) < 1e-9 else None


class Scales:
    """What every value's quantization is so far, and which of them still can change."""

    def __init__(
        self,
        ranges: Mapping[str, Range],
        shapes: Mapping[str, tuple[int, ...]],
        settled: dict[str, Quantization],
        shared: Collection[set[str]] = (),
        *,
        fixed: str | None = None,
        output: str | None = None,
    ) -> None:
        """Start from quantizations of the ranges alone.

        Args:
            ranges: of every value, also of what operations have inside.
            shapes: (C, F, T) of every value.
            settled: the quantization of every value; those of a shared set are equal.
            shared: disjoint sets of values that have one quantization.
            fixed: a value whose scale may not change.
            output: a value whose unit may not change.
        """
        self.ranges = ranges
        self.shapes = shapes
        self.settled = settled
        # float32 rounds a scale once, however often it is widened: the ratios of many additions stay what they were
        self._exact = {name: found.scale for name, found in settled.items()}
        self._together = {name: {name} for name in settled}
        self._together |= {name: values for values in map(set, shared) for name in values}
        self._fixed = fixed
        self._output = output
        self._bound = set() if fixed is None else set(self._together[fixed])

    def step(self, name: str) -> float:
        """Real step of a value, before float32 rounds it."""
        return self._exact[name] * self.settled[name].unit

    def bound(self, name: str) -> bool:
        """Whether an operation relies on the scale of a value already."""
        return name in self._bound

    def together(self, first: str, second: str) -> bool:
        """Whether the scales of two values have a ratio that stays."""
        return second in self._together[first]

    def company(self, name: str) -> tuple[bool, int]:
        """How hard it is to change the scale of a value: whether it is fixed, and how many change with it."""
        return self._fixed in self._together[name], len(self._together[name])

    def change(self, name: str, found: Quantization) -> None:
        """Give another quantization to a value that is not bound, and to those that share it."""
        for other in self._together[name]:
            self.settled[other] = found
            self._exact[other] = found.scale

    def widen(self, name: str, step: float) -> None:
        """Give a value another real step, and all that is bound to it steps that are changed by the same factor.

        What has a unit of its own gets another unit, since a norm or attention relies on the number its scale is.

        Raises:
            UserError: the input of the program is bound to it.
        """
        factor = step / self.step(name)
        if self._fixed in self._together[name] and factor != 1:
            raise UserError(
                f"{name} needs another scale, and with it {self._fixed}, which others feed: put a convolution between"
            )
        for other in self._together[name]:
            found = self.settled[other]
            if found.unit != 1:
                self.settled[other] = replace(found, unit=found.unit * factor)
            else:
                self._exact[other] *= factor
                self.settled[other] = rescaled(found, self._exact[other])

    def bind(self, *names: str) -> None:
        """Keep the ratios of the scales of these values from now on."""
        joined = set().union(*(self._together[name] for name in names))
        self._together |= dict.fromkeys(joined, joined)
        self._bound |= joined

    def relabel(self, name: str) -> None:
        """Call the scale of a value 1, in a unit that all that is bound to it has then too, with the same real steps.

        Nothing changes where one of them has a unit already, or is what others than the program write or read.
        """
        together, unit = self._together[name], self._exact[name]
        if together & {self._fixed, self._output} or any(self.settled[other].unit != 1 for other in together):
            return
        for other in together:
            self._exact[other] /= unit
            scale = float(np.float32(self._exact[other]))
            self.settled[other] = replace(self.settled[other], scale=scale, unit=unit)
