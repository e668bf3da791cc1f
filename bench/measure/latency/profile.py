"""What each operation of a file takes, beside the layers that `bench.measure.graph.cost` counts."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.measure.graph.cost import Layer

ADDS_UP = 0.1
"""How far the sum of the steps may be off the whole, as a share of it, before a profile is not believed."""


@dataclass(frozen=True)
class Step:
    """Operations that are timed together, mostly one."""

    layers: list[int]
    """Places of the file's layers (`bench.measure.graph.cost`); none: something that the runtime put in."""
    operations: list[str]
    """The format's names for them."""
    macs: int
    name: str
    """Of the last of them, or what the runtime calls it."""
    microseconds: float
    interval: tuple[float, float] | None
    """95 % confidence interval."""

    @classmethod
    def of(
        cls,
        layers: Sequence[Layer],
        places: Sequence[int],
        name: str,
        microseconds: float,
        interval: tuple[float, float] | None,
    ) -> "Step":
        """The step that takes in the layers of a file at these places."""
        operations = [layers[place].operation for place in places]
        macs = sum(layers[place].macs for place in places)
        return cls(list(places), operations, macs, name, microseconds, interval)


@dataclass(frozen=True)
class Profile:
    """Of one file on one thread with default kernels."""

    method: str
    """How it was measured, in a sentence."""
    steps: list[Step]
    call: float | None
    """Microseconds of the call around them; None: the method does not tell."""
    whole: float
    """Microseconds of the file in one call, timed without any of this in the same rounds."""
    noise: float
    """Microseconds by which the sum may be off the whole by chance."""
    runs: int

    @property
    def sum(self) -> float:
        """Microseconds of all steps and the call."""
        return (self.call or 0.0) + sum(step.microseconds for step in self.steps)

    @property
    def adds_up(self) -> bool:
        """Whether the sum is that of the whole file, but for chance and ADDS_UP."""
        return abs(self.sum - self.whole) <= max(self.noise, ADDS_UP * self.whole)

    def share(self, microseconds: float) -> float:
        """Of the sum; 0 where that is 0: ONNX Runtime counts whole microseconds."""
        return microseconds / self.sum if self.sum else 0.0
