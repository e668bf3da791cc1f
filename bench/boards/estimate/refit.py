"""Observations on real boards: times of `--target ssh:...` joined with counts of the same files in emulation.

A time and a count belong together when file (sha256), kernel family and processor are the same. Times are of one
thread, so nothing is assumed of how threads scale, and the clock is the median of those seen under load: a board that
was idle for a moment shows a lower one. A board whose clock moved, or that was held down, is left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.boards.device import clock, result
from bench.boards.estimate.calibration import KERNELS, Observation
from bench.measure.figure import MEASURED
from tinyasc.errors import UserError

Result = Mapping[str, Any]
"""Of a target (`bench.boards.device.result`)."""


@dataclass(frozen=True)
class Refit:
    """What results say of the constants."""

    observations: list[Observation]
    left_out: list[str]
    """Boards whose times were not taken, and why, in a sentence each."""


def read(folder: Path) -> list[dict[str, Any]]:
    """The results in a folder (*.json).

    Raises:
        UserError: no such folder, or a file in it that is not the result of a target.
    """
    if not folder.is_dir():
        raise UserError(f"no folder {folder}: put the results of targets there, device and emulated")
    return [result.read(path) for path in sorted(folder.glob("*.json"))]


def of(results: Sequence[Result]) -> Refit:
    """The observations in results of devices and of emulated boards."""
    counts = {
        (one["models"][counted["file"]], counted["kernels"], counted["processor"]): counted["total"]
        for one in results
        for counted in one["instructions"]
        if counted["integer"] and counted["kernels"] == KERNELS
    }
    found, left_out = [], []
    for one in results:
        pairs = _counted(one, counts)
        reason = clock.unsteady(one["board"])
        if reason is None:
            found += [_observation(one, timed, instructions) for timed, instructions in pairs]
        elif pairs:
            left_out.append(f"{one['target']} ({one['board']['name']}, {one['made']}) is left out: {reason}.")
    return Refit(found, left_out)


def _counted(one: Result, counts: Mapping[tuple[str, str, str | None], int]) -> list[tuple[Mapping[str, Any], int]]:
    """The times of one thread in a result that there is a count for, and the instructions."""
    found = []
    for timed in one["latency"]:
        what = (one["models"][timed["file"]], timed["kernels"], one["board"]["processor"])
        if timed["threads"] == 1 and what in counts:
            found.append((timed, counts[what]))
    return found


def _observation(one: Result, timed: Mapping[str, Any], instructions: int) -> Observation:
    board, network = one["board"], one["models"][timed["file"]][:12]
    source = f"{timed['file']} measured on {board['name']} ({one['target']}, {one['made']})"
    hertz = board["during"]["median_frequency_hz"]
    return Observation(network, board["processor"], instructions, timed["median"], hertz, 1, MEASURED, source)
