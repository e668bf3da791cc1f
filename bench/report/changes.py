"""What a comparison of two reports is made of: how much is let pass, and what became of one number."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import inf

from tinyasc.errors import UserError

REGRESSION, IMPROVEMENT, SAME, NOT_COMPARED = "regression", "improvement", "same", "not compared"


@dataclass(frozen=True)
class Tolerance:
    """How much worse a number may be and still pass. A number that is better by as much counts as better."""

    accuracy: float = 0.005
    """Macro accuracy of all clips, a fraction: 0.005 are half a point."""
    log_loss: float = 0.02
    """Of all clips, nats."""
    part_accuracy: float = 0.02
    """Macro accuracy of one class, device, group of devices or city, a fraction."""
    part_log_loss: float = 0.08
    """Of one class, device, group of devices or city, nats."""
    count: float = 0.001
    """MACs, parameters, bytes of files and of activations: share of the old number."""
    instructions: float = 0.01
    """Instructions of an inference on an emulated board: share of the old number. Equal ones repeat to 0.02 %."""
    latency: float = 0.25
    """Median time of an inference: share of the old number. The same files were a fifth apart in six measurements on
    two cores that six processes wanted."""
    resident: float = 0.25
    """Growth of a process, which a runtime's allocator decides as much as the model: share of the old number."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 <= value < inf:
                raise UserError(f"tolerance.{name} is {value:g}: take 0 or more")


DEFAULT = Tolerance()


@dataclass(frozen=True)
class Change:
    """What became of one number, or of one promise."""

    name: str
    verdict: str
    """REGRESSION, IMPROVEMENT, SAME or NOT_COMPARED."""
    text: str
    """One line: from what to what, or why it is not compared."""
    weight: float = 0.0
    """How many tolerances it moved: by this the worst regression is found; infinite for a promise that is broken."""


def judged(name: str, text: str, worse: float, tolerance: float, beyond_chance: bool) -> Change:
    """The change of a number that has become worse by `worse`, or better where that is negative.

    Args:
        name: of the number.
        text: from what to what.
        worse: in the number's unit, as `tolerance`.
        tolerance: how much is let pass.
        beyond_chance: whether chance is ruled out; within the tolerance it does not matter.
    """
    verdict = SAME
    if abs(worse) > tolerance and beyond_chance:
        verdict = REGRESSION if worse > 0 else IMPROVEMENT
    return Change(name, verdict, text, abs(worse) / tolerance if tolerance else inf)


def apart(first: Sequence[float] | None, second: Sequence[float] | None) -> bool:
    """Whether two intervals do not overlap; also where one is not known, so that nothing speaks for chance."""
    return first is None or second is None or first[1] < second[0] or second[1] < first[0]
