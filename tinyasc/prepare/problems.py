"""What is wrong with the files of a folder: collected while they are read, shown in one table at the end."""

import csv
import io
from collections import Counter
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from tinyasc import artifact

SHOWN = 20
"""Rows of the table that are printed; all of them are in the file beside the prepared one."""
COLUMNS = ("file", "problem", "severity", "detail")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with one file or recording."""

    file: str
    """Path inside the folder, or name of a recording."""
    kind: str
    """In a word or three: missing, not audio, truncated, silent, ..."""
    severity: Literal["error", "note"]
    """error: a file of the tables that cannot be used."""
    detail: str = ""
    """More, where there is more to say."""


def table_path(out: Path) -> Path:
    """Where the whole table of a prepared file lies."""
    return out.with_name(out.name + ".problems.tsv")


def count(problems: list[Problem]) -> str:
    """ "2 missing, 1 silent", the most frequent first."""
    return ", ".join(f"{number:,} {kind}" for kind, number in Counter(p.kind for p in problems).most_common())


def show(problems: list[Problem], path: Path) -> None:
    """Print the table, errors first, and write all of it to `path`; without problems there is no such file."""
    if not problems:
        path.unlink(missing_ok=True)
        return
    ordered = sorted(problems, key=lambda problem: (problem.severity, problem.kind, problem.file))
    rows = [COLUMNS, *map(astuple, ordered[:SHOWN])]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for file, kind, severity, detail in rows:
        tqdm.write(f"  {severity:<{widths[2]}}  {kind:<{widths[1]}}  {file:<{widths[0]}}  {detail}".rstrip())
    if len(ordered) > SHOWN:
        tqdm.write(f"  and {len(ordered) - SHOWN:,} more")
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(astuple(problem) for problem in ordered)
    artifact.atomic_write(path, text.getvalue().encode())
    tqdm.write(f"all {len(ordered):,} problems: {path}")
