"""Joules of one inference from power under load and power at rest.

    net   = (mean power under load - mean power at rest) * seconds under load / inferences
    gross =  mean power under load                       * seconds under load / inferences

Net is what the inferences add to a board that is on anyway, gross what the board draws while it does nothing else. The
interval is that of means of independent blocks: Student's t, for the difference with the degrees of freedom of Welch
(Biometrika 34, 1947). Blocks of a drifting power are not independent; then it is too narrow.
"""

from dataclasses import dataclass
from math import sqrt
from operator import mul

LEAST_BLOCKS = 4
"""Fewer blocks have no interval."""
NORMAL = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


@dataclass(frozen=True)
class Powers:
    """Mean powers of blocks, and their lengths."""

    watts: tuple[float, ...]
    seconds: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over all blocks, by their lengths."""
        return sum(map(mul, self.watts, self.seconds)) / sum(self.seconds)

    @property
    def squared_error(self) -> float | None:
        """Of the mean; None where there are too few blocks."""
        count = len(self.watts)
        if count < LEAST_BLOCKS:
            return None
        apart = ((length * (one - self.mean)) ** 2 for one, length in zip(self.watts, self.seconds, strict=True))
        return sum(apart) / sum(self.seconds) ** 2 * count / (count - 1)


@dataclass(frozen=True)
class Energy:
    """Joules, with a 95 % confidence interval where there are blocks enough."""

    joules: float
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class PerInference:
    """The energy of inferences that were made one after another."""

    load: Powers
    idle: Powers | None
    """None: nobody measured the power at rest."""
    inferences: int
    """Made in all blocks under load together."""

    @property
    def gross(self) -> Energy:
        return self._energy(self.load.mean, self.load.squared_error, len(self.load.watts) - 1)

    @property
    def net(self) -> Energy | None:
        """None where the power at rest is not known."""
        if self.idle is None:
            return None
        watts, load, idle = self.load.mean - self.idle.mean, self.load.squared_error, self.idle.squared_error
        if load is None or idle is None:
            return self._energy(watts, None, 0)
        freedom = load**2 / (len(self.load.watts) - 1) + idle**2 / (len(self.idle.watts) - 1)
        return self._energy(watts, load + idle, (load + idle) ** 2 / freedom if freedom else 1)

    def _energy(self, watts: float, squared_error: float | None, freedom: float) -> Energy:
        each = sum(self.load.seconds) / self.inferences
        if squared_error is None:
            return Energy(watts * each, None)
        half = student(freedom) * sqrt(squared_error)
        return Energy(watts * each, ((watts - half) * each, (watts + half) * each))


def student(freedom: float) -> float:
    """The 97.5 % quantile of Student's t, by the expansion of Abramowitz and Stegun, 26.7.5.

    From 3 degrees of freedom on, the fewest that LEAST_BLOCKS leave, it is at most 0.8 % too small.
    """
    z = NORMAL
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )
