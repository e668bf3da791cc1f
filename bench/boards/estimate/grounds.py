"""What estimates stand on: constants of each core, where they are from, and how far they err."""

from collections.abc import Sequence
from typing import Any

from bench.boards.estimate import calibration, check
from bench.boards.estimate.calibration import Observation
from bench.boards.estimate.check import Prediction
from bench.measure.figure import MEASURED

NOTE = "No board was ever at hand for this project: every published time is someone else's."


def content(measured: Sequence[Observation] = ()) -> dict[str, Any]:
    """For people and programs.

    Args:
        measured: observations on boards of one's own (`bench.boards.estimate.refit`).

    Returns:
        note, band (low, high, reason), counts (their source), no_float (why floats get no milliseconds), and
        processors: for each its instructions_per_cycle, how ("measured" or "quoted"), observations, sources, check (its
        networks predicted from its other networks) and published_check (own measurements predicted from the published
        times), both with error and error_by_macs as shares of the true time.
    """
    names = sorted({one.processor for one in [*calibration.published(), *measured]})
    return {
        "note": NOTE,
        "band": calibration.data()["band"],
        "counts": calibration.data()["counts_source"],
        "no_float": calibration.data()["no_float"],
        "processors": {name: _processor(calibration.observations(name, measured)) for name in names},
    }


def _processor(found: list[Observation]) -> dict[str, Any]:
    return {
        "instructions_per_cycle": calibration.ipc(found),
        "how": found[0].how,
        "observations": [
            {
                "network": one.network,
                "milliseconds": one.milliseconds,
                "threads": one.threads,
                "clock_hz": one.clock_hz,
                "instructions": one.instructions,
                "instructions_per_cycle": one.ipc,
            }
            for one in found
        ],
        "sources": list(dict.fromkeys(one.source for one in found)),
        "check": _checked(check.leave_one_out(found)),
        "published_check": _checked(check.by_published([one for one in found if one.how == MEASURED])),
    }


def _checked(predictions: list[Prediction]) -> list[dict[str, Any]]:
    return [
        {
            "network": one.observation.network,
            "milliseconds": one.milliseconds,
            "error": one.error,
            "error_by_macs": one.error_by_macs,
        }
        for one in predictions
    ]
