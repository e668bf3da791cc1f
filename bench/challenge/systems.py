"""Systems to rank: what `python -m bench` measured, and tables of what others publish.

A table is a CSV file with commas and a header. Its columns are `name`, `team` and the names of UNITS, in any order;
only `name` must be there, and a cell may be empty. Accuracies are in per cent, as the challenge publishes them.
"""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.challenge.forms import SUBSETS
from bench.measure.figure import QUOTED, Figure, Unit, path_of
from bench.report import document
from tinyasc.errors import UserError

UNITS: dict[str, Unit] = {
    "accuracy": "fraction",
    "log_loss": "nats",
    "memory_bytes": "bytes",
    "macs": "MACs",
    "parameters": "parameters",
    "known_devices": "fraction",
    "unknown_devices": "fraction",
    **dict.fromkeys(SUBSETS, "fraction"),
}
"""What may be known of a system, and its unit: accuracy is macro accuracy, memory that of the parameters, log loss the
mean over clips, MACs those of one second of sound; known and unknown devices and split_5 to split_100 are
accuracies."""


@dataclass(frozen=True)
class System:
    """What is known of one system, each number with its origin."""

    name: str
    figures: dict[str, Figure]
    """By the names of UNITS; what is not known is not there."""
    team: str | None = None
    data: str | None = None
    """What its accuracy was measured on; none: a table that does not say."""

    def value(self, name: str) -> float | None:
        """A number in the unit of UNITS; none: not known."""
        figure = self.figures.get(name)
        return None if figure is None else figure.value


def load(paths: Sequence[Path]) -> list[System]:
    """All systems of some files: tables (.csv), reports (.json), or folders that hold a report.json.

    Raises:
        UserError: a file that is neither or that cannot be read, or a name that two systems have.
    """
    found: dict[str, System] = {}
    for path in paths:
        for system in table(path) if path.suffix == ".csv" else [report(path)]:
            if system.name in found:
                raise UserError(f"{path} has a second system by the name of {system.name}: rename one")
            found[system.name] = system
    return list(found.values())


def report(path: Path) -> System:
    """The primary file of a benchmarked run or file; its name is the path of the report, as it was given.

    Memory is that of the network's parameters, as the verdict counts it.

    Raises:
        UserError: no report there, or one without accuracy.
    """
    path = path / "report.json" if path.is_dir() else path
    found = document.read(path)
    figures, file = found.figures, found.model.primary
    place = f"accuracy/{path_of(file)}"
    if f"{place}/macro" not in figures:
        raise UserError(f"{path} has no accuracy of {file}: judge it with `python -m bench --data FILE.h5`")
    where = {
        "accuracy": f"{place}/macro",
        "log_loss": f"{place}/log_loss",
        "known_devices": f"{place}/group/seen/macro",
        "unknown_devices": f"{place}/group/unseen/macro",
        "macs": "cost/network/macs",
        "parameters": "cost/network/parameters",
    }
    known = {name: figures[key] for name, key in where.items() if key in figures and figures[key].value is not None}
    for check in found.compliance.checks:
        if check.decides and check.rule == "parameter memory":
            known["memory_bytes"] = Figure(check.value, "bytes", check.provenance, check.counting)
    folder = path.parent if path.name == "report.json" else path
    name = Path.cwd().name if folder == Path() else str(folder)
    data = None if found.data is None else f"{found.data.file} ({found.data.checksum[:8]})"
    return System(name, known, data=data)


def table(path: Path) -> list[System]:
    """The systems of a CSV table; its numbers are quoted.

    Raises:
        UserError: not such a table: the line, what is wrong and what to do.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            header = [cell.strip() for cell in next(rows, [])]
            _check_header(path, header)
            found = [
                _system(f"{path}:{rows.line_num}", path.name, dict(zip(header, row, strict=False)), len(row))
                for row in rows
                if any(cell.strip() for cell in row)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as a table of systems ({error}): give a CSV file") from None
    if not found:
        raise UserError(f"{path} has no systems: give a line to each")
    return found


def _check_header(path: Path, header: Sequence[str]) -> None:
    known = ["name", "team", *UNITS]
    unknown = [column for column in header if column not in known]
    if "name" not in header or unknown or len(set(header)) < len(header):
        what = f"the column {unknown[0]!r}" if unknown else "a column twice" if "name" in header else "no column name"
        raise UserError(f"{path}:1: has {what}: columns are {', '.join(known)}, separated by commas")


def _system(place: str, file: str, row: dict[str, str], cells: int) -> System:
    if cells != len(row):
        raise UserError(f"{place}: has {cells} cells, the header names more or fewer columns: give a cell to each")
    if not (name := row["name"].strip()):
        raise UserError(f"{place}: has no name: give each system one")
    texts = {column: row[column].strip() for column in UNITS if row.get(column, "").strip()}
    figures = {column: _number(place, file, column, text) for column, text in texts.items()}
    return System(name, figures, row.get("team", "").strip() or None)


def _number(place: str, file: str, column: str, text: str) -> Figure:
    try:
        number = float(text)
    except ValueError:
        raise UserError(f"{place}: {column} is {text!r}: give a plain number, such as 29234920 or 54.35") from None
    if not math.isfinite(number) or number < 0:
        raise UserError(f"{place}: {column} is {text}: it cannot be less than 0 or infinite")
    if UNITS[column] == "fraction":
        if not 1 < number <= 100:
            raise UserError(f"{place}: {column} is {text}: accuracies are in per cent, above 1 and at most 100")
        number /= 100
    return Figure(number, UNITS[column], QUOTED, file)
