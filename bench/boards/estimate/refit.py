"""Observations on real boards: times of `--target ssh:...` joined with counts of the same files in emulation.

A time and a count belong together when file (sha256), kernel family and processor are the same. Times are of one
thread, so nothing is assumed of how threads scale, and the clock is the median of those seen under load: a board that
was idle for a moment shows a lower one. A board whose clock moved, or that was held down, is left out.

A count stays right, an estimate is as old as its constants: estimates are renewed with what real boards say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.boards.device import clock, result
from bench.boards.device.equality import Place
from bench.boards.device.result import EMULATED, Configuration, TargetLatency, TargetResult
from bench.boards.estimate import estimate
from bench.boards.estimate.calibration import KERNELS, Observation
from bench.boards.targets import boards
from bench.measure.figure import MEASURED
from tinyasc.errors import UserError


@dataclass(frozen=True)
class Refit:
    """What results say of the constants."""

    observations: list[Observation]
    left_out: list[str]
    """Boards whose times were not taken, and why, in a sentence each."""


def read(folder: Path) -> list[TargetResult]:
    """The results in a folder (*.json).

    Raises:
        UserError: no such folder, or a file in it that is not the result of a target.
    """
    if not folder.is_dir():
        raise UserError(f"no folder {folder}: put the results of targets there, device and emulated")
    return [result.read(path) for path in sorted(folder.glob("*.json"))]


def of(results: Sequence[TargetResult]) -> Refit:
    """The observations in results of devices and of emulated boards."""
    counts: dict[tuple[str, str, str | None], float] = {
        (one.models[counted.file], counted.kernels, counted.processor): counted.total.value or 0
        for one in results
        for counted in one.instructions
        if counted.integer and counted.kernels == KERNELS
    }
    found, left_out = [], []
    for one in results:
        pairs = _counted(one, counts)
        reason = clock.unsteady(one.board)
        if reason is None:
            found += [_observation(one, timed, instructions) for timed, instructions in pairs]
        elif pairs:
            left_out.append(f"{one.target} ({one.board.name}, {one.made}) is left out: {reason}.")
    return Refit(found, left_out)


def renewed(results: Sequence[TargetResult]) -> list[TargetResult]:
    """The same results of targets, the estimates of emulated boards made again from their counts.

    What was not counted stays as it is, and so does a board that is not known here any more.
    """
    observed = of(results).observations
    known = boards.known()
    return [_renewed(one, observed) if one.kind == EMULATED and one.target in known else one for one in results]


def _renewed(one: TargetResult, observed: Sequence[Observation]) -> TargetResult:
    board = boards.load(one.target)
    counts = {_what(counted): counted for counted in one.instructions}
    estimates = []
    for old in one.estimates:
        counted = counts.get(_what(old))
        if counted is not None:
            place = Place(_what(old), old.milliseconds.path.removesuffix("/estimate"), one.board.name)
            old = estimate.entry(place, estimate.of_count(counted, board, observed))  # noqa: PLW2901
        estimates.append(old)
    return replace(one, estimates=estimates)


def _what(entry: Configuration) -> Configuration:
    return Configuration(file=entry.file, runtime=entry.runtime, kernels=entry.kernels, threads=entry.threads)


def _counted(
    one: TargetResult, counts: Mapping[tuple[str, str, str | None], float]
) -> list[tuple[TargetLatency, float]]:
    """The times of one thread in a result that there is a count for, and the instructions."""
    found = []
    for timed in one.latency:
        what = (one.models[timed.file], timed.kernels, one.board.processor)
        if timed.threads == 1 and what in counts:
            found.append((timed, counts[what]))
    return found


def _observation(one: TargetResult, timed: TargetLatency, instructions: float) -> Observation:
    source = f"{timed.file} measured on {one.board.name} ({one.target}, {one.made})"
    return Observation(
        network=one.models[timed.file][:12],
        processor=str(one.board.processor),
        instructions=instructions,
        milliseconds=timed.median.value or 0.0,
        clock_hz=(one.board.during.median_frequency_hz if one.board.during else None) or 0.0,
        threads=1,
        provenance=MEASURED,
        source=source,
    )
