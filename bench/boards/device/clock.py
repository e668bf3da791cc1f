"""What a device's clock and firmware did while it was measured, and whether its times are of one clock.

Times go with the clock: those of a clock that moved, or that heat or a weak supply held down, say nothing of the core.
"""

from collections.abc import Mapping
from typing import Any

STEADY = 0.05
"""Largest range of the clock, its middle 80 %, as a share of its median: more is another clock."""


def unsteady(board: Mapping[str, Any]) -> str | None:
    """Why the times of a device are not those of one known clock; None: they are.

    Args:
        board: of its result (`bench.boards.device.result`).
    """
    during = board.get("during") or {}
    median, middle = during.get("median_frequency_hz"), during.get("middle_frequencies_hz")
    if not median or not middle:
        return "its clock under load was not seen"
    low, high = middle
    if high - low > STEADY * median:
        return f"its clock moved between {1e-9 * low:.2f} and {1e-9 * high:.2f} GHz under load"
    faults = held_down(board)
    return f"its firmware reported {', '.join(faults)}" if faults else None


def held_down(board: Mapping[str, Any]) -> list[str]:
    """What the firmware reported at the beginning, at the end, or for the first time in between; each once."""
    before, after = ((board.get(when) or {}).get("throttled") or {} for when in ("before", "after"))
    return list(dict.fromkeys([*before.get("now", ()), *after.get("now", ()), *new(before, after)]))


def new(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What the firmware reports since its start after a measurement, and did not before.

    Args:
        before: its word ("throttled" of a state), empty where it gave none.
        after: the same.
    """
    known = set(before.get("since_boot", ()))
    return [fault for fault in after.get("since_boot", ()) if fault not in known]
