"""Milliseconds of one inference on one thread of a board, estimated from counted instructions.

    milliseconds = 1000 * instructions / (ipc * clock)

Given for integers in XNNPACK alone: the constants are of such networks. The number says the order of magnitude and
which of two networks is faster; it is never a measurement.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.boards.device import result
from bench.boards.device.equality import Place
from bench.boards.device.result import Instructions, TargetEstimate
from bench.boards.estimate import calibration
from bench.boards.estimate.calibration import Observation
from bench.boards.targets.boards import Board
from bench.measure.figure import ESTIMATED, Figure

MOSTLY_INTEGER = 0.01
"""Largest share of floating-point multiply-accumulates in the instructions of what is estimated as integers."""


@dataclass(frozen=True)
class Estimate:
    """What a board may take, or why no number is given."""

    board: Board
    milliseconds: float | None
    band: tuple[float, float] | None
    """A judgement (published.yaml says on what grounds), not a confidence interval."""
    ipc: float | None
    """Instructions per cycle."""
    sources: list[str]
    reason: str | None = None
    """Why there is no number."""

    @classmethod
    def without(cls, board: Board, reason: str) -> "Estimate":
        """No number, and why."""
        return cls(board, None, None, None, [], reason)


def entry(place: Place, found: Estimate) -> TargetEstimate:
    """The entry of a result's part "estimates" for one file.

    Args:
        place: what was counted.
        found: its estimate.
    """
    source = result.source(place.configuration, place.board)
    if found.milliseconds is None:
        source = f"{source}: {found.reason}"
    else:
        source = f"{source} as {found.board.name}; the band is a judgement; {', '.join(found.sources)}"
    return TargetEstimate(
        **vars(place.configuration),
        board=found.board.name,
        clock_hz=found.board.clock_hz,
        milliseconds=Figure(found.milliseconds, "ms", ESTIMATED, source, found.band, f"{place.path}/estimate"),
        instructions_per_cycle=found.ipc,
        sources=found.sources,
        reason=found.reason,
    )


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
        return Estimate.without(board, calibration.data()["no_float"])
    if kernels != calibration.KERNELS:
        reason = f"instructions per cycle are known of {calibration.KERNELS}, not of {kernels}"
        return Estimate.without(board, reason)
    found = calibration.observations(board.processor, measured)
    ipc, band = calibration.ipc(found), calibration.data()["band"]
    milliseconds = 1e3 * instructions / (ipc * board.clock_hz)
    sources = [calibration.data()["counts_source"], *dict.fromkeys(one.source for one in found)]
    return Estimate(board, milliseconds, (band["low"] * milliseconds, band["high"] * milliseconds), ipc, sources)


def of_count(counted: Instructions, board: Board, measured: Sequence[Observation] = ()) -> Estimate:
    """The same from an entry of the part "instructions" of a result (`bench.boards.device.result`).

    Args:
        counted: the entry.
        board: the real one.
        measured: observations on boards of one's own.
    """
    total = counted.total.value or 0
    share = counted.classes.get("float_mac", 0) / total
    if counted.integer and share > MOSTLY_INTEGER:
        reason = f"{share:.0%} of its instructions multiply floats, and the constants are of integers"
        return Estimate.without(board, reason)
    return estimate(total, board, counted.integer, counted.kernels, measured)
