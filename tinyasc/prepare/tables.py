"""Tables of tab-separated text with a header, in UTF-8."""

import csv
import io
from pathlib import Path

from tinyasc.errors import UserError


def header(path: Path) -> list[str]:
    """The column names of a table."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return file.readline().rstrip("\r\n").split("\t")


def read_table(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows of a table.

    Args:
        path: the table.
        columns: those that it must have, and that no row may leave empty.

    Raises:
        UserError: it is missing, empty, not UTF-8, or lacks a column or a value.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing: a folder with one split table needs both")
    try:
        text = path.read_bytes().decode("utf-8-sig")  # a spreadsheet may put a byte order mark in front
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start} is not): save it as UTF-8") from None
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter="\t", quoting=csv.QUOTE_NONE)
    missing = [column for column in columns if column not in (reader.fieldnames or ())]
    if missing:
        raise UserError(f"{path}: no column {', '.join(missing)} in its first line (columns are separated by tabs)")
    numbered = [(reader.line_num, row) for row in reader]
    rows = [row for _, row in numbered]
    short = [str(line) for line, row in numbered if not all(row[column] for column in columns)]
    if short or not rows:
        raise UserError(f"{path}: " + (f"empty fields in line {some_of(short)}" if short else "no files in it"))
    return rows


def some_of(items: list[str], shown: int = 3) -> str:
    """The first few of a list of names, and how many more there are."""
    rest = f" and {len(items) - shown} more" if len(items) > shown else ""
    return ", ".join(items[:shown]) + rest
