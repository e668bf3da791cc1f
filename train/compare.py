"""Command: runs side by side, finished or on their way, as one picture and one table.

    python -m train.compare RUN RUN … [--out compare.png] [--json FILE]

Runs that differ in nothing but their seed are one row of the table: its mean and spread over the seeds.
"""

import json as json_format
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinyasc import artifact, recipe
from train.fit import history
from train.report.runs import FIGURES, Group, differences, grouped, read_all

COLUMNS = {
    "loss": "last loss",
    "macro": "accuracy, %",
    "log_loss": "log loss",
    "seen": "seen, %",
    "unseen": "unseen, %",
}
IN_PER_CENT = ("macro", "seen", "unseen")
WIDEST = 32
"""Characters of a recipe's value, or of a name above it, that are shown."""
LINE = 160
"""Characters of a line of what differs."""


def compare(*runs: Path, out: Path = Path("compare.png"), json: Path | None = None) -> None:
    """Draw runs together and print what they reached.

    Args:
        runs: run folders; one that is not finished is named as it will be (OUT, not OUT.partial).
        out: picture to draw (.png).
        json: file for all figures.
    """
    artifact.check_files(out, json)
    found = read_all(runs)
    groups = grouped(found)
    print("\n".join([*table(groups), "", *what_differs(groups)]).rstrip())
    if any(run.history for run in found):
        names = {run.name: group.name for group in groups for run in group.runs}
        history.draw_curves({run.name: run.history for run in found}, out, names, total=_one_objective(groups))
        print(f"\nwrote {out}")
    if json is not None:
        columns = [group.name for group in groups]
        differing = {field: dict(zip(columns, row, strict=True)) for field, row in differences(groups).items()}
        content = {"groups": [group.to_dict() for group in groups], "differences": differing}
        json.parent.mkdir(parents=True, exist_ok=True)
        artifact.atomic_write(json, (json_format.dumps(content, indent=1) + "\n").encode())
        print(f"wrote {json}")


def table(groups: Sequence[Group]) -> list[str]:
    """Two lines a group: what it reached, and below it how far that may be off."""
    rows = [["", "", "parameters", "epochs", *COLUMNS.values()]]
    shown = [figure for figure in FIGURES if figure != "loss" or _one_objective(groups)]
    for group in groups:
        card, finished = group.shown.card, sum(run.finished for run in group.runs)
        what = f"{card.stage} {card.architecture}" if card else "not finished"
        parameters = card.cost.get("parameters") if card else None
        cells = [_cells(group, figure) if figure in shown else ("–", "") for figure in FIGURES]
        seeds = "" if finished in (0, len(group.runs)) else f"{finished} of "
        name = group.name if len(group.runs) == 1 else f"{group.name} ({seeds}{len(group.runs)} seeds)"
        size = "–" if parameters is None else f"{parameters:,}"
        rows.append([name, what, size, _epochs(group), *(above for above, _ in cells)])
        rows.append(["", "", "", "", *(below for _, below in cells)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) if place < 2 else cell.rjust(width) for place, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(row, widths, strict=True)) for row in rows)
    ]
    notes = [
        "[ ]: 95 % interval over moments. ±: sample standard deviation over seeds, below it the least and the most."
    ]
    if "loss" not in shown:
        notes.append("No last loss: these runs minimise different ones.")
    return [*(line.rstrip() for line in lines if line.strip()), *notes]


def what_differs(groups: Sequence[Group]) -> list[str]:
    """The fields of the recipes that are not the same in all groups, a column each group; "?" where there is none.

    Columns that do not fit into LINE follow below, under the same fields.
    """
    found, known = differences(groups), [group.runs[0].recipe is not None for group in groups]
    if not found:
        return ["Nothing differs in the recipes."] if sum(known) > 1 else []
    columns = [
        [_short(group.name), *(_short(values[place]) if known[place] else "?" for values in found.values())]
        for place, group in enumerate(groups)
    ]
    fields = ["What differs", *found]
    blocks = [[fields]]
    for column in columns:
        if len(blocks[-1]) > 1 and len(_beside([*blocks[-1], column])[0]) > LINE:
            blocks.append([fields])
        blocks[-1].append(column)
    return [line.rstrip() for block in blocks for line in [*_beside(block), ""]][:-1]


def _beside(columns: Sequence[Sequence[str]]) -> list[str]:
    """Lines, all of one width, of columns of cells."""
    widths = [max(map(len, column)) for column in columns]
    rows = zip(*columns, strict=True)
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def _one_objective(groups: Sequence[Group]) -> bool:
    """Whether all runs that were trained minimise the same, so that their total losses can be compared."""
    objectives = [run.objective for group in groups for run in group.runs if run.history]
    return all(objective == objectives[0] for objective in objectives)


def _cells(group: Group, figure: str) -> tuple[str, str]:
    scale, digits = (100, 1) if figure in IN_PER_CENT else (1, 3)

    def text(value: float) -> str:
        return f"{scale * value:.{digits}f}"

    spread, first = group.spread(figure), group.shown
    if spread is not None:
        return f"{text(spread.mean)} ± {text(spread.deviation)}", f"{text(spread.least)} to {text(spread.most)}"
    if figure not in first.figures:
        return "–", ""
    interval = first.interval(figure)
    return text(first.figures[figure]), "" if interval is None else f"[{text(interval[0])}, {text(interval[1])}]"


def _epochs(group: Group) -> str:
    """How many were trained; of how many, where some runs are not finished."""
    done = sorted({len(run.history) for run in group.runs})
    text = f"{done[0]}" if len(done) == 1 else f"{done[0]} to {done[-1]}"
    planned = (group.runs[0].recipe or {}).get("fit.epochs")
    return text if planned is None or done == [planned] else f"{text} of {planned}"


def _short(value: Any) -> str:
    text = "–" if value is None else value if isinstance(value, str) else json_format.dumps(value)
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


if __name__ == "__main__":
    raise SystemExit(recipe.run(compare))
