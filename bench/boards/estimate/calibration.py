"""Instructions per cycle of a core, from times and instruction counts of the same network.

    ipc = instructions / (threads * clock * seconds)

The published times (published.yaml) are of four threads, taken here to scale perfectly: the value holds for one core of
four, and is rather too low for one alone. Where boards of one's own were measured (`bench.boards.estimate.refit`),
their observations replace the published ones of that core. How far the estimate errs: every network of a core is
predicted from others of that core alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml

from bench.boards.targets import boards
from bench.measure.figure import MEASURED, QUOTED, Provenance
from tinyasc.errors import UserError

DATA = Path(__file__).with_name("published.yaml")
KERNELS = "XNNPACK"
"""The family that all constants are of, with integers."""


@dataclass(frozen=True)
class Observation:
    """One network on one core: how long it takes, and how many instructions that is."""

    network: str
    processor: str
    instructions: float
    milliseconds: float
    clock_hz: float
    threads: int
    provenance: Provenance
    """QUOTED or MEASURED."""
    source: str
    macs: float | None = None

    @property
    def ipc(self) -> float:
        """Instructions per cycle of one core."""
        return self.instructions / (self.threads * self.clock_hz * self.milliseconds * 1e-3)


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


@cache
def data() -> dict[str, Any]:
    """What published.yaml holds."""
    return yaml.safe_load(DATA.read_text())


def published() -> list[Observation]:
    """The published times, with the counts of the same networks."""
    found = []
    for time in data()["times"]:
        at, counts = boards.load(time["board"]), data()["counts"][time["network"]]
        found.append(
            Observation(
                time["network"],
                at.processor,
                1e6 * counts[at.processor],
                time["milliseconds"],
                at.clock_hz,
                time["threads"],
                QUOTED,
                data()["sources"][time["source"]],
                1e6 * counts["macs"],
            )
        )
    return found


def observations(processor: str, measured: Sequence[Observation] = ()) -> list[Observation]:
    """What the constant of a core stands on: own measurements where there are any, else the published ones.

    Raises:
        UserError: nothing is known of this core.
    """
    own = [one for one in measured if one.processor == processor and one.provenance == MEASURED]
    found = own or [one for one in published() if one.processor == processor]
    if not found:
        known = ", ".join(sorted({one.processor for one in published()}))
        raise UserError(f"nothing is known of the speed of a {processor}: estimates are for {known}")
    return found


def ipc(found: Sequence[Observation]) -> float:
    """The constant: the mean over the networks."""
    return fmean(one.ipc for one in found)


def leave_one_out(found: Sequence[Observation]) -> list[Prediction]:
    """Predict each observation of one core from its others; nothing where there is one alone: it would fit itself."""
    left_out = [(one, [other for other in found if other.network != one.network]) for one in found]
    return [_predicted(one, others) for one, others in left_out if others]


def by_published(own: Sequence[Observation]) -> list[Prediction]:
    """Predict measurements on a board of one's own from the published times of its core: what an estimate erred by."""
    found = [(one, [other for other in published() if other.processor == one.processor]) for one in own]
    return [_predicted(one, others) for one, others in found if others]


def _predicted(one: Observation, others: Sequence[Observation]) -> Prediction:
    rate = ipc(others) * one.threads * one.clock_hz
    return Prediction(one, 1e3 * one.instructions / rate, _by_macs(one, others))


def _by_macs(one: Observation, others: Sequence[Observation]) -> float | None:
    cycles = [
        other.milliseconds * other.clock_hz * other.threads / other.macs for other in others if other.macs is not None
    ]
    if one.macs is None or not cycles:
        return None
    return one.macs * sum(cycles) / len(cycles) / (one.clock_hz * one.threads)
