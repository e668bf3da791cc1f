"""What a device's clock and firmware did while it was measured, and whether its times are of one clock.

Times go with the clock: those of a clock that moved, or that heat or a weak supply held down, say nothing of the core.
"""

from bench.boards.device.result import BoardState, Throttled

STEADY = 0.05
"""Largest range of the clock, its middle 80 %, as a share of its median: more is another clock."""


def unsteady(board: BoardState) -> str | None:
    """Why the times of a device are not those of one known clock; None: they are."""
    during = board.during
    if during is None or not during.median_frequency_hz or not during.middle_frequencies_hz:
        return "its clock under load was not seen"
    low, high = during.middle_frequencies_hz
    if high - low > STEADY * during.median_frequency_hz:
        return f"its clock moved between {1e-9 * low:.2f} and {1e-9 * high:.2f} GHz under load"
    faults = held_down(board)
    return f"its firmware reported {', '.join(faults)}" if faults else None


def held_down(board: BoardState) -> list[str]:
    """What the firmware reported at the beginning, at the end, or for the first time in between; each once."""
    nothing = Throttled("", [], [])
    before, after = ((state.throttled if state else None) or nothing for state in (board.before, board.after))
    return list(dict.fromkeys([*before.now, *after.now, *new(before, after)]))


def new(before: Throttled, after: Throttled) -> list[str]:
    """What the firmware reports since its start after a measurement, and did not before."""
    return [fault for fault in after.since_boot if fault not in before.since_boot]
