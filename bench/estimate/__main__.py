"""Command: what estimates stand on, how far they err, and what measurements of one's own say.

python -m bench.estimate [--measured FOLDER]
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.estimate import calibration, check, refit
from bench.estimate.calibration import Observation
from bench.targets import boards
from tinyasc import recipe

NOTE = "No board was ever at hand for this project: every published time below is someone else's."


def show(measured: Path | None = None) -> None:
    """Print the constants of the estimate with their sources, the check of it, and the refit.

    Args:
        measured: folder with results of targets (JSON), of real boards and of their emulation: they refit constants.
    """
    found = [] if measured is None else refit.observations(measured)
    print(NOTE)
    for processor, core in content(found)["processors"].items():
        print(f"\n{processor}: {core['instructions_per_cycle']:.2f} instructions per cycle, {core['how']}")
        for one in core["observations"]:
            line = f"  {one['network']:16} {one['milliseconds']:8.2f} ms, threads: {one['threads']}"
            print(f"{line}, {1e-6 * one['instructions']:.1f} M instructions: {one['instructions_per_cycle']:.3f}")
        for one in core["check"]:
            by_macs = "" if one["error_by_macs"] is None else f" (by MACs alone {one['error_by_macs']:+.0%})"
            print(f"  {one['network']:16} predicted from the others: {one['error']:+.0%}{by_macs}")
        if not core["check"]:
            print("  one network alone: it fits itself, and says nothing of the error")
        for source in core["sources"]:
            print(f"  source: {source}")
    band = calibration.data()["band"]
    print(f"\nband x{band['low']} to x{band['high']}: {band['reason']}")
    print(f"counts: {calibration.data()['counts_source']}")
    print(f"float: no milliseconds, as {calibration.data()['no_float']}")
    if measured is not None and not found:
        print(f"\nnothing refitted: {measured} holds no time of one thread with a count of the same file and processor")


def content(measured: list[Observation]) -> dict[str, Any]:
    """What `show` prints, for a report: note, band, processors.

    Of each processor: instructions_per_cycle, how ("measured" or "quoted"), observations, sources, and check: the
    networks predicted from the others, with error and error_by_macs as shares of the true time.
    """
    return {
        "note": NOTE,
        "band": calibration.data()["band"],
        "boards": {key: asdict(boards.load(key)) for key in boards.known()},
        "processors": {
            name: _processor(calibration.observations(name, measured))
            for name in sorted({one.processor for one in [*calibration.published(), *measured]})
        },
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
        "check": [
            {
                "network": one.observation.network,
                "milliseconds": one.milliseconds,
                "error": one.error,
                "error_by_macs": one.error_by_macs,
            }
            for one in check.leave_one_out(found)
        ],
    }


if __name__ == "__main__":
    raise SystemExit(recipe.run(show))
