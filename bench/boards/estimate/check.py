"""How far the estimate errs: every network of a core is predicted from others of that core alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.boards.estimate import calibration
from bench.boards.estimate.calibration import Observation


@dataclass(frozen=True)
class Prediction:
    """One network that the constant was not made from."""

    observation: Observation
    milliseconds: float
    by_macs: float | None
    """What a model with a constant time per MAC would say; None: their number is not known."""

    @property
    def error(self) -> float:
        """Predicted over true time, less 1."""
        return self.milliseconds / self.observation.milliseconds - 1

    @property
    def error_by_macs(self) -> float | None:
        return None if self.by_macs is None else self.by_macs / self.observation.milliseconds - 1


def leave_one_out(found: Sequence[Observation]) -> list[Prediction]:
    """Predict each observation of one core from its others; nothing where there is one alone: it would fit itself."""
    left_out = [(one, [other for other in found if other.network != one.network]) for one in found]
    return [_predicted(one, others) for one, others in left_out if others]


def by_published(own: Sequence[Observation]) -> list[Prediction]:
    """Predict measurements on a board of one's own from the published times of its core: what an estimate erred by."""
    found = [(one, [other for other in calibration.published() if other.processor == one.processor]) for one in own]
    return [_predicted(one, others) for one, others in found if others]


def _predicted(one: Observation, others: Sequence[Observation]) -> Prediction:
    rate = calibration.ipc(others) * one.threads * one.clock_hz
    return Prediction(one, 1e3 * one.instructions / rate, _by_macs(one, others))


def _by_macs(one: Observation, others: Sequence[Observation]) -> float | None:
    cycles = [
        other.milliseconds * other.clock_hz * other.threads / other.macs for other in others if other.macs is not None
    ]
    if one.macs is None or not cycles:
        return None
    return one.macs * sum(cycles) / len(cycles) / (one.clock_hz * one.threads)
