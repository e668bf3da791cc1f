"""Instructions per cycle of a core, from times and instruction counts of the same network.

    ipc = instructions / (threads * clock * seconds)

The published times (published.yaml) are of four threads, taken here to scale perfectly: the value holds for one core of
four, and is rather too low for one alone. Where boards of one's own were measured (`bench.boards.estimate.refit`), their
observations replace the published ones of that core.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml

from bench.boards.targets import boards
from bench.measure.figure import MEASURED, QUOTED
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
    how: str
    """QUOTED or MEASURED."""
    source: str
    macs: float | None = None

    @property
    def ipc(self) -> float:
        """Instructions per cycle of one core."""
        return self.instructions / (self.threads * self.clock_hz * self.milliseconds * 1e-3)


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
    own = [one for one in measured if one.processor == processor and one.how == MEASURED]
    found = own or [one for one in published() if one.processor == processor]
    if not found:
        known = ", ".join(sorted({one.processor for one in published()}))
        raise UserError(f"nothing is known of the speed of a {processor}: estimates are for {known}")
    return found


def ipc(found: Sequence[Observation]) -> float:
    """The constant: the mean over the networks."""
    return fmean(one.ipc for one in found)
