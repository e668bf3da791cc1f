"""Command: what estimates stand on, how far they err, and what measurements of one's own say.

python -m bench.estimate [--measured FOLDER]
"""

from collections.abc import Sequence
from pathlib import Path

from bench.boards.estimate import calibration, refit
from bench.boards.estimate.calibration import Observation
from bench.measure.figure import MEASURED
from tinyasc import recipe

NOTE = "No board was ever at hand for this project: every published time is someone else's."


def show(measured: Path | None = None) -> None:
    """Print the constants of the estimate with their sources, the check of it, and the refit.

    Args:
        measured: folder with results of targets (JSON), of real boards and of their emulation: they refit constants.
    """
    refitted = refit.of([] if measured is None else refit.read(measured))
    print(NOTE)
    for processor in sorted({one.processor for one in [*calibration.published(), *refitted.observations]}):
        _print_core(processor, calibration.observations(processor, refitted.observations))
    data = calibration.data()
    band = data["band"]
    print(f"\nband x{band['low']} to x{band['high']}: {band['reason']}")
    print(f"counts: {data['counts_source']}")
    print(f"float: no milliseconds, as {data['no_float']}")
    for sentence in refitted.left_out:
        print(f"\n{sentence}")
    if measured is not None and not refitted.observations:
        print(f"\nnothing refitted: {measured} holds no steady time of one thread that is counted of its file and core")


def _print_core(processor: str, observations: Sequence[Observation]) -> None:
    ipc, provenance = calibration.ipc(observations), observations[0].provenance
    print(f"\n{processor}: {ipc:.2f} instructions per cycle, {provenance}")
    for one in observations:
        line = f"  {one.network:16} {one.milliseconds:8.2f} ms, threads: {one.threads}"
        print(f"{line}, {1e-6 * one.instructions:.1f} M instructions: {one.ipc:.3f}")
    left_out = calibration.leave_one_out(observations)
    for one in left_out:
        by_macs = "" if one.error_by_macs is None else f" (by MACs alone {one.error_by_macs:+.0%})"
        print(f"  {one.observation.network:16} predicted from the others: {one.error:+.0%}{by_macs}")
    for one in calibration.by_published([one for one in observations if one.provenance == MEASURED]):
        print(f"  {one.observation.network:16} predicted from the published times: {one.error:+.0%}")
    if not left_out:
        print("  one network alone: it fits itself, and says nothing of the error")
    for source in dict.fromkeys(one.source for one in observations):
        print(f"  source: {source}")


if __name__ == "__main__":
    raise SystemExit(recipe.run(show))
