"""Reads the CSV file of a power meter: a USB meter, a Joulescope, a logger of an INA219 and the like.

- The header is the first line that names a time, and a power or else a voltage and a current; lines before it are
  skipped. A leading # is no part of it. Columns are separated by tabs, semicolons or commas, whichever the header has
  most of, else by spaces. Where commas do not separate them, a number may have a decimal comma.
- The unit of a column is in brackets or parentheses, or the last word of its name: see UNITS; without one it is s, W, V
  or A. A column is known by another word of its name: see WORDS; one that is a unit and nothing else is known by that.
  Where several are of a kind, the first counts; those with a word of OTHERS never. A power comes before the product of
  voltage and current.
- A time is a number, or ISO 8601; without an offset from UTC it is local time of this machine.
- A column of marks, where there is one, is 0 or empty while nothing runs.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from math import isfinite, isnan, nan, prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from tinyasc.errors import UserError

WORDS = {
    "time": ("time", "timestamp", "datetime", "elapsed", "t"),
    "power": ("power", "watt", "watts", "p"),
    "voltage": ("voltage", "volt", "volts", "vbus", "u"),
    "current": ("current", "ampere", "amperes", "amps", "ibus", "i"),
    "mark": ("mark", "marks", "marker", "trigger", "gpio", "gpi"),
}
OTHERS = ("shunt", "max", "min", "peak")
"""Words of columns that are no power, voltage or current of the load at that time."""
UNITS = {
    "time": {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9},
    "power": {"w": 1.0, "mw": 1e-3, "uw": 1e-6, "kw": 1e3},
    "voltage": {"v": 1.0, "mv": 1e-3, "uv": 1e-6},
    "current": {"a": 1.0, "ma": 1e-3, "ua": 1e-6, "na": 1e-9},
    "mark": {},
}
"""What one of it is in s, W, V or A. Capital and small letters count alike, so M is milli."""
PREAMBLE = 200
"""Lines among which the header must be."""
MILLISECONDS_SINCE_1970 = 1e11
"""Seconds up to here end in the year 5138: a greater number without a unit is not in seconds."""


@dataclass(frozen=True)
class Reading:
    """Power over time, n samples in the order of time."""

    path: Path
    seconds: np.ndarray
    """(n,) float64, as the file counts them; of a time of day, Unix time."""
    watts: np.ndarray
    """(n,) float64."""
    marked: np.ndarray | None
    """(n,) bool, whether the sample carries a mark; None: the file has no such column."""
    columns: str
    """Those that were taken, as the file calls them."""


class Column(NamedTuple):
    """A column that was found."""

    place: int
    name: str
    """As the file has it."""
    factor: float
    """From its unit to s, W, V or A; not a number: the unit is not known."""


def read(path: Path) -> Reading:
    """Read a power meter's file.

    Raises:
        UserError: no such file, no header, a column that is missing or whose unit is not known, a row that is cut short
            or holds something else than numbers, time that runs backwards, or no two samples apart in time. It names
            the file, and the line where there is one.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise UserError(f"{path} is no text in UTF-8: save it as CSV in UTF-8") from None
    for number, line in enumerate(lines, 1):
        if len(line) > csv.field_size_limit():
            raise UserError(
                f"{path}:{number}: a line of {len(line)} characters is none of a meter's: give its CSV file"
            )
    header, separator, columns = _header(path, lines)
    seconds: list[float] = []
    watts: list[float] = []
    marks: list[bool] = []
    rows = _rows(lines, header + 1, separator)
    for number, cells in tqdm(rows, "reading", len(lines) - header - 1, unit="row", leave=False, delay=1):
        row = _Row(path, number, cells, separator != ",")
        now = row.time(columns["time"])
        if seconds and now < seconds[-1]:
            raise UserError(f"{path}:{number}: time goes back, from {seconds[-1]:.13g} to {now:.13g} s")
        seconds.append(now)
        watts.append(prod(row.number(columns[kind]) for kind in _power(columns)))
        marks.append("mark" in columns and row.cell(columns["mark"]) not in ("", "0", "0.0", "false", "False"))
    if len(seconds) < 2 or seconds[-1] == seconds[0]:
        raise UserError(f"{path} has no two samples at different times: a reading needs them")
    taken = ", ".join(column.name for kind, column in columns.items() if kind in ("time", "mark", *_power(columns)))
    marked = np.array(marks) if "mark" in columns else None
    return Reading(path, np.array(seconds), np.array(watts), marked, taken)


def moment(text: str, name: str) -> float:
    """Seconds of a time that is a number or ISO 8601.

    Args:
        text: the time.
        name: what it is, for the message.

    Raises:
        UserError: it is neither.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = nan
    if isfinite(seconds):
        return seconds
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise UserError(f"{name} is {text!r}, neither a number nor ISO 8601") from None


def _power(columns: dict[str, Column]) -> tuple[str, ...]:
    """The kinds of columns whose product is the power; none: it cannot be told."""
    if "power" in columns:
        return ("power",)
    return ("voltage", "current") if "voltage" in columns and "current" in columns else ()


def _header(path: Path, lines: list[str]) -> tuple[int, str, dict[str, Column]]:
    """Index of the header, what separates columns ("" for spaces), and the columns by kind."""
    for index, line in enumerate(lines[:PREAMBLE]):
        separator = max("\t;,", key=line.count)
        separator = separator if separator in line else ""
        names = _split(line.lstrip("# "), separator)
        columns: dict[str, Column] = {}
        for place, name in enumerate(names):
            found = _column(place, name)
            if found is not None:
                columns.setdefault(*found)
        if "time" in columns and _power(columns):
            for kind in ("time", *_power(columns)):
                if isnan(columns[kind].factor):
                    units = ", ".join(UNITS[kind])
                    raise UserError(f"{path}:{index + 1}: the unit of {columns[kind].name} is not one of {units}")
            return index, separator, columns
    raise UserError(
        f"{path} has no header with a time and a power, or a voltage and a current, such as: time (s), power (W)"
    )


def _column(place: int, name: str) -> tuple[str, Column] | None:
    """What kind of column a name stands for; None: one that is not needed."""
    bracketed = re.search(r"[\[(]([^\])]*)[\])]", name)
    words = _words(name[: bracketed.start()] if bracketed else name)
    unit = "".join(_words(bracketed[1])) if bracketed else words[-1] if words else ""
    if any(word in OTHERS for word in words):
        return None
    for kind, units in UNITS.items():
        if any(word in WORDS[kind] for word in words) or (words == [unit] and unit in units):
            return kind, Column(place, name, units.get(unit, nan if bracketed else 1.0))
    return None


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", re.sub("[µμ]", "u", name.lower()))


def _rows(lines: list[str], start: int, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Line numbers from 1 and cells, without lines that are empty or comments."""
    for number, line in enumerate(lines[start:], start + 1):
        if line.strip() and not line.startswith("#"):
            yield number, _split(line, separator)


def _split(line: str, separator: str) -> list[str]:
    cells = next(csv.reader([line], delimiter=separator)) if separator else line.split()
    return [cell.strip() for cell in cells]


@dataclass(frozen=True)
class _Row:
    path: Path
    line: int
    cells: list[str]
    decimal_comma: bool

    def cell(self, column: Column) -> str:
        if column.place >= len(self.cells):
            raise UserError(f"{self.path}:{self.line}: the row ends before the column {column.name}")
        return self.cells[column.place]

    def number(self, column: Column) -> float:
        value = self._float(column)
        if value is None or not isfinite(value):
            raise UserError(f"{self.path}:{self.line}: {column.name} is {self.cell(column)!r}, not a number")
        return value * column.factor

    def time(self, column: Column) -> float:
        value = self._float(column)
        if value is None or not isfinite(value):
            return moment(self.cell(column), f"{self.path}:{self.line}: {column.name}")
        if value > MILLISECONDS_SINCE_1970 and column.factor == 1:
            raise UserError(
                f"{self.path}:{self.line}: {column.name} is {self.cell(column)}, too much for seconds: "
                "name the unit in the header, as in: time (ms)"
            )
        return value * column.factor

    def _float(self, column: Column) -> float | None:
        text = self.cell(column)
        try:
            return float(text.replace(",", ".") if self.decimal_comma else text)
        except ValueError:
            return None
