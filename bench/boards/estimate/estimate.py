"""Milliseconds of one inference on one thread of a board, estimated from counted instructions.

    milliseconds = 1000 * instructions / (ipc * clock)

Given for integers in XNNPACK alone: the constants are of such networks. The number says the order of magnitude and
which of two networks is faster; it is never a measurement.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.boards.estimate import calibration
from bench.boards.estimate.calibration import Observation
from bench.boards.targets.boards import Board

MOSTLY_INTEGER = 0.01
"""Largest share of floating-point multiply-accumulates in the instructions of what is estimated as integers."""


@dataclass(frozen=True)
class Estimate:
    """What a board may take, or why no number is given."""

    board: Board
    milliseconds: float | None
    low: float | None
    """The band is a judgement (published.yaml says on what grounds), not a confidence interval."""
    high: float | None
    ipc: float | None
    """Instructions per cycle."""
    sources: tuple[str, ...]
    reason: str | None = None
    """Why there is no number."""

    def content(self) -> dict[str, Any]:
        """As the part "estimates" of a target's result holds it, less the file."""
        return {
            "board": self.board.name,
            "clock_hz": self.board.clock_hz,
            "milliseconds": self.milliseconds,
            "low": self.low,
            "high": self.high,
            "instructions_per_cycle": self.ipc,
            "sources": list(self.sources),
            "reason": self.reason,
        }


def estimate(
    instructions: float, board: Board, integer: bool, kernels: str, measured: Sequence[Observation] = ()
) -> Estimate:
    """From the instructions of one inference, counted for the board's processor.

    Args:
        instructions: executed, one thread.
        board: the real one.
        integer: whether the network computes in integers.
        kernels: the family that was counted, for example "XNNPACK".
        measured: observations on boards of one's own.
    """
    if not integer:
        return Estimate(board, None, None, None, None, (), calibration.data()["no_float"])
    if kernels != calibration.KERNELS:
        reason = f"instructions per cycle are known of {calibration.KERNELS}, not of {kernels}"
        return Estimate(board, None, None, None, None, (), reason)
    found = calibration.observations(board.processor, measured)
    ipc, band = calibration.ipc(found), calibration.data()["band"]
    milliseconds = 1e3 * instructions / (ipc * board.clock_hz)
    sources = (calibration.data()["counts_source"], *dict.fromkeys(one.source for one in found))
    return Estimate(board, milliseconds, band["low"] * milliseconds, band["high"] * milliseconds, ipc, sources)


def of_count(counted: Mapping[str, Any], board: Board, measured: Sequence[Observation] = ()) -> Estimate:
    """The same from an entry of the part "instructions" of a result (`bench.boards.device.result`).

    Args:
        counted: the entry.
        board: the real one.
        measured: observations on boards of one's own.
    """
    share = counted["classes"].get("float_mac", 0) / counted["total"]
    if counted["integer"] and share > MOSTLY_INTEGER:
        reason = f"{share:.0%} of its instructions multiply floats, and the constants are of integers"
        return Estimate(board, None, None, None, None, (), reason)
    return estimate(counted["total"], board, counted["integer"], counted["kernels"], measured)
