"""The energy of the inferences that a power meter's reading covers.

Power is integrated by the trapezoid rule over the meter's own times, however uneven: between two samples it is taken to
change evenly, also where a window begins or ends between them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta

from bench.measure.energy.per_inference import PerInference, Powers
from bench.measure.energy.reading import Reading
from tinyasc.errors import UserError

BLOCKS = 20
"""Into which a time under load or at rest is cut, as far as there are samples for them."""
SAMPLES = 3
"""Of the meter in a block, on average."""

Window = tuple[float, float]
"""Start and end, in the reading's seconds."""


@dataclass(frozen=True)
class Metered:
    """Inferences that one reading covers."""

    reading: str
    """Name of its file."""
    energy: PerInference
    file: str | None = None
    """What ran, with these kernels and on so many threads; None: the reading alone does not say it."""
    kernels: str | None = None
    threads: int | None = None


@dataclass(frozen=True)
class Phase:
    """A stretch of one activity of a target, for a power meter."""

    phase: Literal["idle", "inference"]
    file: str | None
    kernels: str | None
    threads: int | None
    started: float
    """Unix seconds by the target's clock, as the next."""
    ended: float
    inferences: Annotated[int, Meta(ge=0)]
    """Made in between."""


@dataclass(frozen=True)
class Activity:
    """What a target did, and when."""

    target: str
    clock_offset_seconds: float
    """This machine's time of day less the target's."""
    phases: list[Phase]


def joules(reading: Reading, start: float, end: float) -> float:
    """The integral of power from start to end."""
    inside = (reading.seconds > start) & (reading.seconds < end)
    times = np.concatenate([[start], reading.seconds[inside], [end]])
    ends = np.interp([start, end], reading.seconds, reading.watts)
    watts = np.concatenate([ends[:1], reading.watts[inside], ends[1:]])
    return float(np.trapezoid(watts, times))


def powers(reading: Reading, windows: Sequence[Window]) -> Powers:
    """Mean powers of blocks in the windows, of about equal length as far as the windows allow.

    Raises:
        UserError: a window that ends before it starts, lies outside of the reading, or has no two samples of it.
    """
    watts: list[float] = []
    seconds: list[float] = []
    total = sum(end - start for start, end in windows)
    for start, end in windows:
        if not start < end:
            raise UserError(f"{reading.path}: a window from {start:.13g} to {end:.13g} s has no length")
        if start < reading.seconds[0] or end > reading.seconds[-1]:
            raise UserError(
                f"{reading.path} covers {reading.seconds[0]:.13g} to {reading.seconds[-1]:.13g} s, not all from "
                f"{start:.13g} to {end:.13g}: give times of the same clock"
            )
        samples = int(np.count_nonzero((reading.seconds >= start) & (reading.seconds <= end)))
        if samples < 2:
            raise UserError(
                f"{reading.path} has {samples} samples from {start:.13g} to {end:.13g} s: take two at least"
            )
        count = max(1, min(round(BLOCKS * (end - start) / total), samples // SAMPLES))
        edges = np.linspace(start, end, count + 1).tolist()
        for first, last in pairwise(edges):
            watts.append(joules(reading, first, last) / (last - first))
            seconds.append(last - first)
    return Powers(tuple(watts), tuple(seconds))


def marked(reading: Reading) -> tuple[list[Window], list[Window]]:
    """Windows with a mark, and those without.

    A mark changed somewhere between two samples: a window with it begins and ends in the middle of them, so that it is
    as long as the inferences took; one without holds its samples and no more.

    Raises:
        UserError: the reading has no column of marks, or none is set.
    """
    if reading.marked is None or not reading.marked.any():
        raise UserError(f"{reading.path} has no marks: say with --load_from and --load_to when the inferences ran")
    times, under_load, at_rest = reading.seconds, [], []
    changes = [0, *(np.flatnonzero(np.diff(reading.marked)) + 1), len(times)]
    for first, after in pairwise(changes):
        if reading.marked[first]:
            start, end = times[max(first - 1, 0) : first + 1].mean(), times[after - 1 : after + 1].mean()
            under_load.append((float(start), float(end)))
        elif times[first] < times[after - 1]:
            at_rest.append((float(times[first]), float(times[after - 1])))
    return under_load, at_rest


def inferences(reading: Reading, count: int, load: Sequence[Window], idle: Sequence[Window]) -> Metered:
    """The energy of `count` inferences made in the windows `load`; no `idle`: the power at rest is not known.

    Raises:
        UserError: see `powers`; or fewer than one inference.
    """
    if count < 1:
        raise UserError(f"{count} inferences cannot share an energy: say how many ran")
    return Metered(reading.path.name, _energy(reading, count, load, idle))


def of_target(reading: Reading, activity: Activity) -> list[Metered]:
    """The energy of each file that a target ran on end.

    Args:
        reading: of a meter whose times are times of day by this machine's clock.
        activity: of the target.

    Raises:
        UserError: see `powers`; or no such phases.
    """
    offset = activity.clock_offset_seconds
    phases = [(phase, (phase.started + offset, phase.ended + offset)) for phase in activity.phases]
    idle = [window for phase, window in phases if phase.phase == "idle"]
    ran = [(phase, window) for phase, window in phases if phase.phase == "inference" and phase.inferences]
    if not ran:
        raise UserError("the target ran nothing on end for a power meter: measure it again with steady phases")
    return [
        Metered(
            reading.path.name,
            _energy(reading, phase.inferences, [window], idle),
            phase.file,
            phase.kernels,
            phase.threads,
        )
        for phase, window in ran
    ]


def of_results(reading: Reading, activities: Sequence[Activity]) -> list[Metered]:
    """The energy of the target that was measured while the meter read; as `of_target`.

    Raises:
        UserError: none of them was, or several: a meter feeds one board.
    """
    covered = []
    for activity in activities:
        offset = activity.clock_offset_seconds
        times = [end + offset for phase in activity.phases for end in (phase.started, phase.ended)]
        if times and reading.seconds[0] <= min(times) and max(times) <= reading.seconds[-1]:
            covered.append(activity)
    if len(covered) > 1:
        names = " and ".join(activity.target for activity in covered)
        raise UserError(f"{reading.path} covers measurements of {names}: give the part of it that is of one board")
    if not covered:
        raise UserError(
            f"{reading.path} covers no measurement of a device: measure one with --target ssh:... --energy_seconds 20 "
            "while the meter reads"
        )
    return of_target(reading, covered[0])


def _energy(reading: Reading, count: int, load: Sequence[Window], idle: Sequence[Window]) -> PerInference:
    at_rest = powers(reading, idle) if idle else None
    return PerInference(powers(reading, load), at_rest, count)
