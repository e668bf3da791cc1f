"""Command: rank systems as DCASE Task 1 did in 2024 and 2025.

python -m bench.rank runs/bench others.csv --out ranking.json --plot pareto.svg
"""

from pathlib import Path

import msgspec

from bench.challenge import systems as sources
from bench.challenge.ranking import compare, table
from tinyasc import artifact, recipe
from tinyasc.errors import UserError


def rank_systems(*systems: Path, out: Path | None = None, plot: Path | None = None) -> None:
    """Rank systems by the rules of 2024 and 2025, and show which of them no other beats at its cost.

    2022 and 2023 are not ranked: no source gives their rules in full. A CSV table has a header and commas. Columns:
    name, and any of team, accuracy, log_loss, memory_bytes, macs, parameters, known_devices, unknown_devices, and
    split_5, split_10, split_25, split_50, split_100 (the accuracies of 2024's five subsets). Accuracies are in per cent
    (54.35), memory in bytes, MACs and parameters as whole numbers; a cell may be empty. The figures of a report are
    measured (or as it says), those of a table are quoted.

    Equal values share the better rank, and the next is skipped. Systems above a limit of a year are ranked apart.

    Args:
        systems: report.json of `make bench`, folders that hold one, or CSV tables of systems
        out: file for all of it (.json).
        plot: picture to draw (.svg or .png): accuracy against MACs and against memory, published systems behind.
    """
    if plot is not None and plot.suffix not in (".svg", ".png"):
        raise UserError(f"{plot} is neither .svg nor .png: name the picture so")
    artifact.check_files(out, plot)
    compared = sources.load(systems)
    comparison = compare(compared)
    rankings = comparison.rankings.items()
    print("\n\n".join("\n".join(table(year, ranking, comparison.systems)) for year, ranking in rankings))
    if not comparison.comparable:
        print("\nnot known to be measured on one data set: such accuracies cannot be compared to the point")
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        artifact.atomic_write(out, msgspec.json.format(msgspec.json.encode(comparison), indent=1) + b"\n")
        print(f"\nwrote {out}")
    if plot is not None:
        from bench.challenge import pareto  # noqa: PLC0415 - matplotlib, which a ranking in words does not need

        plot.parent.mkdir(parents=True, exist_ok=True)
        artifact.atomic_write(plot, pareto.draw(compared, plot.suffix.removeprefix(".")))
        print(f"wrote {plot}")


if __name__ == "__main__":
    raise SystemExit(recipe.run(rank_systems))
