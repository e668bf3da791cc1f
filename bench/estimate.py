"""Command: what estimates stand on, how far they err, and what measurements of one's own say.

python -m bench.estimate [--measured FOLDER]
"""

from pathlib import Path

from bench.boards.estimate import grounds, refit
from tinyasc import recipe


def show(measured: Path | None = None) -> None:
    """Print the constants of the estimate with their sources, the check of it, and the refit.

    Args:
        measured: folder with results of targets (JSON), of real boards and of their emulation: they refit constants.
    """
    refitted = refit.of([] if measured is None else refit.read(measured))
    found = grounds.content(refitted.observations)
    print(found["note"])
    for processor, core in found["processors"].items():
        print(f"\n{processor}: {core['instructions_per_cycle']:.2f} instructions per cycle, {core['how']}")
        for one in core["observations"]:
            line = f"  {one['network']:16} {one['milliseconds']:8.2f} ms, threads: {one['threads']}"
            print(f"{line}, {1e-6 * one['instructions']:.1f} M instructions: {one['instructions_per_cycle']:.3f}")
        for one in core["check"]:
            by_macs = "" if one["error_by_macs"] is None else f" (by MACs alone {one['error_by_macs']:+.0%})"
            print(f"  {one['network']:16} predicted from the others: {one['error']:+.0%}{by_macs}")
        for one in core["published_check"]:
            print(f"  {one['network']:16} predicted from the published times: {one['error']:+.0%}")
        if not core["check"]:
            print("  one network alone: it fits itself, and says nothing of the error")
        for source in core["sources"]:
            print(f"  source: {source}")
    band = found["band"]
    print(f"\nband x{band['low']} to x{band['high']}: {band['reason']}")
    print(f"counts: {found['counts']}")
    print(f"float: no milliseconds, as {found['no_float']}")
    for sentence in refitted.left_out:
        print(f"\n{sentence}")
    if measured is not None and not refitted.observations:
        print(f"\nnothing refitted: {measured} holds no steady time of one thread that is counted of its file and core")


if __name__ == "__main__":
    raise SystemExit(recipe.run(show))
