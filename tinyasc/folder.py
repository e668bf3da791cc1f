"""A folder of sound files in TAU's layout: what its tables say, before any sound is read.

`meta.csv` (columns filename, scene_label, identifier, source_label) and `evaluation_setup/fold1_train.csv` and
`fold1_evaluate.csv` (column filename), in UTF-8, separated by tabs. Labels, cities and devices are whatever the tables
name.
"""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from tinyasc.dcase import recording_of
from tinyasc.errors import UserError

META = "meta.csv"
MARK = "made_by_tinyasc.json"
"""The file that says a folder is the embedded data set, with its seed and settings."""
SPLIT_TABLES = {"train": "evaluation_setup/fold1_train.csv", "test": "evaluation_setup/fold1_evaluate.csv"}


@dataclass(frozen=True)
class Entry:
    """One sound file of the folder."""

    file: str
    """Path inside the folder, as in meta.csv."""
    label: str
    device: str
    city: str
    recording: str
    split: str
    """"train", "test" or "neither"."""


def read_folder(root: Path) -> list[Entry]:
    """The files of a folder in the order of its meta.csv.

    Raises:
        UserError: a table is missing, is not UTF-8 or lacks a column, a file stands twice in it or in both splits, or a
            split names a file that meta.csv does not.
    """
    meta = _read_table(root / META, ("filename", "scene_label", "identifier", "source_label"))
    rows = {row["filename"]: row for row in meta}
    if len(rows) < len(meta):
        raise UserError(f"{root / META}: {len(meta) - len(rows)} files stand there more than once")
    splits: dict[str, str] = {}
    for split, table in SPLIT_TABLES.items():
        files = [row["filename"] for row in _read_table(root / table, ("filename",))]
        _forbid(root / table, [file for file in files if file not in rows], f"files that {META} does not name")
        _forbid(root / table, [file for file in files if splits.get(file, split) != split], "files of another split")
        splits |= dict.fromkeys(files, split)
    return [
        Entry(
            file=file,
            label=row["scene_label"],
            device=row["source_label"],
            city=row["identifier"].split("-")[0],
            recording=recording_of(file),
            split=splits.get(file, "neither"),
        )
        for file, row in rows.items()
    ]


def source_of(root: Path) -> str:
    """What the sound is, for a reader of the prepared file: the folder's name, and whether it was made up."""
    return root.resolve().name + (" (made up by tinyasc.scenes)" if (root / MARK).is_file() else "")


def some_of(items: list[str], shown: int = 3) -> str:
    """The first few of a list of names, and how many more there are."""
    rest = f" and {len(items) - shown} more" if len(items) > shown else ""
    return ", ".join(items[:shown]) + rest


def _read_table(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    if not path.is_file():
        raise UserError(
            f"{path} is missing: the folder must have TAU's layout ({META} and {', '.join(SPLIT_TABLES.values())})"
        )
    try:
        text = path.read_bytes().decode("utf-8-sig")  # a spreadsheet may put a byte order mark in front
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start} is not): save it as UTF-8") from None
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter="\t")
    missing = [column for column in columns if column not in (reader.fieldnames or ())]
    if missing:
        raise UserError(f"{path}: no column {', '.join(missing)} in its first line (columns are separated by tabs)")
    rows = list(reader)
    short = [str(line) for line, row in enumerate(rows, 2) if not all(row[column] for column in columns)]
    if short or not rows:
        raise UserError(f"{path}: " + (f"empty fields in line {some_of(short)}" if short else "no files in it"))
    return rows


def _forbid(table: Path, files: list[str], what: str) -> None:
    if files:
        raise UserError(f"{table} names {what}: {some_of(files)}")
