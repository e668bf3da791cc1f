"""Observations on real boards: times of `--target ssh:...` joined with counts of the same files in emulation.

A time and a count belong together when file (sha256), kernel family and processor are the same. Times are of one
thread, so nothing is assumed of how threads scale, and the clock is the median of those seen under load: a board that
was idle for a moment shows a lower one. A board whose clock moved, or that was held down, is left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.device import clock, result
from bench.estimate.calibration import KERNELS, Observation
from bench.figure import MEASURED
from tinyasc.errors import UserError

Result = Mapping[str, Any]
"""Of a target (`bench.device.result`)."""


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
        of_board = _observations(one, counts)
        reason = clock.unsteady(one["board"]) if of_board else None
        if reason is None:
            found += of_board
        else:
            left_out.append(f"{one['target']} ({one['board']['name']}, {one['made']}) is left out: {reason}.")
    return Refit(found, left_out)


def _observations(one: Result, counts: Mapping[tuple[str, str, str | None], int]) -> list[Observation]:
    """Of the times of one result that there is a count for."""
    board, found = one["board"], []
    for timed in one["latency"]:
        sha256 = one["models"][timed["file"]]
        instructions = counts.get((sha256, timed["kernels"], board["processor"]))
        if instructions is not None and timed["threads"] == 1:
            source = f"{timed['file']} measured on {board['name']} ({one['target']}, {one['made']})"
            hertz = (board.get("during") or {}).get("median_frequency_hz") or 0.0
            found.append(
                Observation(sha256[:12], board["processor"], instructions, timed["median"], hertz, 1, MEASURED, source)
            )
    return found
