"""The energy of the inferences that a power meter's reading covers.

Power is integrated by the trapezoid rule over the meter's own times, however uneven: between two samples it is taken to
change evenly, also where a window begins or ends between them.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta

from bench.measure.energy.per_inference import PerInference, Powers
from tinyasc.errors import UserError

HEADER = "time_s,power_w"
FORM = f"a reading is a CSV file whose first line is {HEADER}, then a line of seconds,watts for each sample"
LONGEST_LINE = 200
"""Bytes: two numbers need far fewer."""
BLOCKS = 20
"""Into which a time under load or at rest is cut, as far as there are samples for them."""
SAMPLES = 3
"""Of the meter in a block, on average."""

Window = tuple[float, float]
"""Start and end, in the reading's seconds."""


@dataclass(frozen=True)
class Reading:
    """Power over time, n samples in the order of time."""

    path: Path
    seconds: np.ndarray
    """(n,) float64, of any clock; for the phases of a target, Unix time of this machine."""
    watts: np.ndarray
    """(n,) float64."""


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


def read(path: Path) -> Reading:
    """Read a power meter's file, in the one form that FORM says.

    Raises:
        UserError: no such file, or one of another form; a line that is not two finite numbers, time that runs
            backwards, or no two samples apart in time. It names the file, and the line where there is one.
    """
    seconds, watts = array("d"), array("d")
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), b""), 1):
                text = line.decode(errors="replace").strip().removeprefix("\ufeff")
                if len(line) == LONGEST_LINE or (number == 1 and text != HEADER):
                    raise UserError(f"{path}:{number}: {text[:40]!r} cannot be read: {FORM}")
                if number > 1 and text:
                    now, power = _sample(f"{path}:{number}", text)
                    if seconds and now < seconds[-1]:
                        raise UserError(f"{path}:{number}: time goes back, from {seconds[-1]:.13g} to {now:.13g} s")
                    seconds.append(now)
                    watts.append(power)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    if len(seconds) < 2 or seconds[-1] == seconds[0]:
        raise UserError(f"{path} has no two samples at different times: {FORM}")
    return Reading(path, np.array(seconds), np.array(watts))


def _sample(place: str, text: str) -> tuple[float, float]:
    try:
        seconds, watts = map(float, text.split(","))
    except ValueError:
        raise UserError(f"{place}: {text!r} is not two numbers: {FORM}") from None
    if not (isfinite(seconds) and isfinite(watts)):
        raise UserError(f"{place}: {text!r} is not finite: {FORM}")
    return seconds, watts


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


def inferences(reading: Reading, count: int, load: Window, idle: Window | None) -> Metered:
    """The energy of `count` inferences made in the window `load`; without `idle` the power at rest is not known.

    Raises:
        UserError: see `powers`; or fewer than one inference.
    """
    if count < 1:
        raise UserError(f"{count} inferences cannot share an energy: say how many ran")
    return Metered(reading.path.name, _energy(reading, count, load, [] if idle is None else [idle]))


def of_target(reading: Reading, activity: Activity) -> list[Metered]:
    """The energy of each file that a target ran on end.

    Args:
        reading: of a meter whose times are Unix times by this machine's clock.
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
            _energy(reading, phase.inferences, window, idle),
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


def _energy(reading: Reading, count: int, load: Window, idle: Sequence[Window]) -> PerInference:
    at_rest = powers(reading, idle) if idle else None
    return PerInference(powers(reading, [load]), at_rest, count)
