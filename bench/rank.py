"""Command: rank systems as DCASE Task 1 did in each of its years.

python -m bench.rank runs/bench others.csv --out ranking.json --plot pareto.svg
"""

import json
from pathlib import Path

from bench.challenge.rank import read, text
from bench.challenge.rank.content import comparable, content
from bench.challenge.rank.rules import Weights, rank
from tinyasc import artifact, recipe
from tinyasc.errors import UserError

WEIGHTS = Weights()


def rank_systems(*systems: Path, out: Path | None = None, plot: Path | None = None, weights: Weights = WEIGHTS) -> None:
    """Rank systems by the rules of 2022 to 2025, and show which of them no other beats at its cost.

    A CSV table has a header and commas. Columns: name, and any of team, accuracy, log_loss, memory_bytes, macs,
    parameters, known_devices, unknown_devices, and split_5, split_10, split_25, split_50, split_100 (the accuracies of
    2024's five subsets). Accuracies are in per cent (54.35), memory in bytes, MACs and parameters as whole numbers; a
    cell may be empty. The figures of a report are measured (or as it says), those of a table are quoted.

    Equal values share the better rank, and the next is skipped. Systems above a limit of a year are ranked apart.

    Args:
        systems: report.json of `make bench`, folders that hold one, or CSV tables of systems
        out: file for all of it (.json).
        plot: picture to draw (.svg or .png): accuracy against MACs and against memory, published systems behind.
        weights: of the three ranks of 2023.
    """
    if plot is not None and plot.suffix not in (".svg", ".png"):
        raise UserError(f"{plot} is neither .svg nor .png: name the picture so")
    artifact.check_files(out, plot)
    found = read.systems(systems)
    rankings = rank(found, weights)
    named = {system.name: system for system in found}
    print("\n\n".join("\n".join(text.lines(ranking, named)) for ranking in rankings))
    if not comparable(found):
        print("\nnot known to be measured on one data set: such accuracies cannot be compared to the point")
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        artifact.atomic_write(out, (json.dumps(content(found, rankings, weights), indent=1) + "\n").encode())
        print(f"\nwrote {out}")
    if plot is not None:
        from bench.challenge.rank import picture  # noqa: PLC0415 - matplotlib, which a ranking in words does not need

        plot.parent.mkdir(parents=True, exist_ok=True)
        artifact.atomic_write(plot, picture.draw(found, plot.suffix.removeprefix(".")))
        print(f"wrote {plot}")


if __name__ == "__main__":
    raise SystemExit(recipe.run(rank_systems))
