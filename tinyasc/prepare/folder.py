"""A folder of sound files in TAU's layout: what its tables say, before any sound is read.

- `meta.csv`: filename, scene_label, identifier, source_label. Labels, places and devices are whatever it names.
- `evaluation_setup/fold1_train.csv` and `fold1_evaluate.csv`: filename. Without them a fifth of the places is the test
  split.
- `evaluation_setup/split*.csv`, or the same in another folder: filename. Named subsets of the training split, as the
  challenge's of 2024 and 2025 (5 to 100 % of it).
- Without labels (an evaluation set): `meta.csv` or `evaluation_setup/fold1_test.csv` with filename and perhaps
  device_id.

All in UTF-8, separated by tabs.
"""

import csv
import hashlib
import io
import os
import sys
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path

from tinyasc.dcase import TauName
from tinyasc.errors import UserError
from tinyasc.prepare.problems import Problem

META = "meta.csv"
MARK = "made_by_tinyasc.json"
"""The file that says a folder is the embedded data set, with its seed and settings."""
SPLIT_TABLES = {"train": "evaluation_setup/fold1_train.csv", "test": "evaluation_setup/fold1_evaluate.csv"}
UNLABELLED = ("evaluation_setup/fold1_test.csv", "evaluation_setup/test.csv")
SUBSETS = "split*.csv"
UNKNOWN = "unknown"
"""Device and city of a file whose name and tables do not tell."""
TEST_SHARE = 5
"""One place in this many is the test split of a folder without split tables."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One sound file of the folder."""

    file: str
    """Path inside the folder, as in the table."""
    label: str | None
    """None in an evaluation set."""
    device: str
    city: str
    place: str
    """City and location: TAU's identifier."""
    recording: str
    """What the pieces of one recording have in common."""
    piece: int | None
    """Which piece of the recording, from 0; None: the recording is one file."""
    split: str = "neither"
    """"train", "test" or "neither"."""


@dataclass(frozen=True)
class Folder:
    """What the tables of a folder say."""

    root: Path
    entries: list[Entry]
    """In the order of the table; a recording's pieces one after the other, in order."""
    subsets: dict[str, set[str]]
    """Files of each named subset of the training split."""
    split_by_place: bool = False
    """Whether the test split was chosen here, for want of split tables."""
    problems: list[Problem] = field(default_factory=list)
    """Files that stand in the tables twice, or on disk and in no table."""

    @property
    def source(self) -> str:
        """What the sound is, for a reader of the prepared file: the folder's name, and whether it was made up."""
        made_up = " (made up by tinyasc.scenes)" if (self.root / MARK).is_file() else ""
        return self.root.resolve().name + made_up


def read_folder(root: Path, subsets: Path | None = None) -> Folder:
    """The tables of a folder.

    Args:
        root: the folder.
        subsets: another folder with split*.csv; they are looked for in evaluation_setup/ too.

    Raises:
        UserError: a table is missing, is not UTF-8 or lacks a column, a file or a recording is in both splits, a split
            names a file that meta.csv does not, or a subset one that is not in the training split.
    """
    problems: list[Problem] = []
    table = _file_table(root)
    labelled = not set(_header(table)) <= {"filename", "device_id"}
    columns = ("filename", "scene_label", "identifier", "source_label") if labelled else ("filename",)
    listed = _read_table(table, columns)
    names = {row["filename"] for row in listed}
    rows = _once(listed, problems)
    if not rows:
        raise UserError(f"{table}: no file in it can be used, all its rows contradict one another")
    entries = [_entry(file, row) for file, row in rows.items()]
    by_place = False
    if labelled:
        splits = _read_splits(root, names)
        by_place = splits is None
        splits = splits_by_place(entries) if splits is None else splits
        entries = [replace(entry, split=splits.get(entry.file, "neither")) for entry in entries]
        _forbid_shared_recordings(root, entries)
    else:
        entries = [replace(entry, split="test") for entry in entries]
    contradicted = dict.fromkeys(names - rows.keys(), "train")
    named = _read_subsets(root, subsets, {entry.file: entry.split for entry in entries} | contradicted)
    return Folder(root, _by_recording(entries), named, by_place, problems)


def splits_by_place(entries: list[Entry]) -> dict[str, str]:
    """A test split of its own for a folder that has none: of each label's places, one in five, chosen by their names.

    No place is in both splits, as in TAU, and every label keeps a place to train on: one that was recorded at few
    places, or at the same as others, may not be tested.
    """
    places: dict[str | None, set[str]] = defaultdict(set)
    for entry in entries:
        places[entry.label].add(entry.place)
    tested: set[str] = set()
    for found in places.values():
        wanted = (len(found) + TEST_SHARE - 1) // TEST_SHARE
        for place in sorted(found - tested, key=lambda place: hashlib.sha256(place.encode()).digest()):
            if len(found & tested) >= wanted:
                break
            if all(others - tested - {place} for others in places.values() if place in others):
                tested.add(place)
    return {entry.file: "test" if entry.place in tested else "train" for entry in entries}


def _file_table(root: Path) -> Path:
    for name in (META, *UNLABELLED):
        if (root / name).is_file():
            return root / name
    raise UserError(f"{root / META} is missing: --root must be a folder with {META}, as TAU's, or {UNLABELLED[0]}")


def _entry(file: str, row: dict[str, str]) -> Entry:
    name = TauName.parse(file)
    identifier = row.get("identifier") or (f"{name.city}-{name.location}" if name else UNKNOWN)
    return Entry(
        file=file,
        label=sys.intern(row["scene_label"]) if "scene_label" in row else None,
        device=sys.intern(row.get("source_label") or row.get("device_id") or (name.device if name else UNKNOWN)),
        city=sys.intern(identifier.split("-")[0]),
        place=sys.intern(identifier),
        recording=name.recording if name else file,
        piece=name.index if name else None,
    )


def _once(rows: list[dict[str, str]], problems: list[Problem]) -> dict[str, dict[str, str]]:
    """Rows by file name; of a file that stands there twice the first row is used, if the others say the same."""
    found: dict[str, dict[str, str]] = {}
    contradicted: set[str] = set()
    for row in rows:
        first = found.setdefault(row["filename"], row)
        if first is not row and first != row:
            contradicted.add(row["filename"])
        elif first is not row:
            problems.append(Problem(row["filename"], "listed twice", "note", "in the same words: used once"))
    for file in contradicted:
        problems.append(Problem(file, "listed twice", "error", "its rows say different things"))
        del found[file]
    return found


def _read_splits(root: Path, listed: set[str]) -> dict[str, str] | None:
    """File -> split; None: the folder has no split tables."""
    if not any((root / table).is_file() for table in SPLIT_TABLES.values()):
        return None
    splits: dict[str, str] = {}
    for split, table in SPLIT_TABLES.items():
        files = [row["filename"] for row in _read_table(root / table, ("filename",))]
        _forbid(root / table, [file for file in files if file not in listed], f"files that {META} does not name")
        _forbid(root / table, [file for file in files if splits.get(file, split) != split], "files of another split")
        splits |= dict.fromkeys(files, split)
    return splits


def _read_subsets(root: Path, folder: Path | None, splits: dict[str, str]) -> dict[str, set[str]]:
    if folder is not None and not any(folder.glob(SUBSETS)):
        raise UserError(f"{folder} has no {SUBSETS}: --subsets is a folder with tables such as split25.csv")
    found: dict[str, set[str]] = {}
    for place in (root / "evaluation_setup", *([folder] if folder is not None else [])):
        for table in sorted(place.glob(SUBSETS)):
            if table.stem in found:
                raise UserError(f"{table} is in {root / 'evaluation_setup'} too: leave out --subsets, or one of them")
            files = {row["filename"] for row in _read_table(table, ("filename",))}
            outside = sorted(file for file in files if splits.get(file) != "train")
            _forbid(table, outside, "files that are not in the training split")
            found[table.stem] = files
    return found


def _forbid_shared_recordings(root: Path, entries: list[Entry]) -> None:
    of = {split: {entry.recording for entry in entries if entry.split == split} for split in SPLIT_TABLES}
    _forbid(root / SPLIT_TABLES["test"], sorted(of["train"] & of["test"]), "recordings that are also in training")


def _by_recording(entries: list[Entry]) -> list[Entry]:
    recordings: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        recordings[entry.recording].append(entry)
    return [entry for found in recordings.values() for entry in sorted(found, key=lambda entry: entry.piece or 0)]


def _forbid(table: Path, files: list[str], what: str) -> None:
    if files:
        raise UserError(f"{table} names {what}: {_some_of(files)}")


def unlisted(folder: Folder) -> list[Problem]:
    """Sound files that lie beside listed ones and that no table names."""
    listed = {entry.file for entry in folder.entries}
    listed |= {problem.file for problem in folder.problems}
    places = {os.path.dirname(file) for file in listed}
    suffixes = {os.path.splitext(file)[1] for file in listed}
    found = [
        os.path.join(place, item.name)
        for place in places
        if (folder.root / place).is_dir()
        for item in os.scandir(folder.root / place)
        if os.path.splitext(item.name)[1] in suffixes
    ]
    return [
        Problem(file, "not listed", "note", "on disk, in no table: not used") for file in sorted(set(found) - listed)
    ]


def _header(path: Path) -> list[str]:
    """The column names of a table."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return file.readline().rstrip("\r\n").split("\t")


def _read_table(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
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
        raise UserError(f"{path}: " + (f"empty fields in line {_some_of(short)}" if short else "no files in it"))
    return rows


def _some_of(items: list[str], shown: int = 3) -> str:
    """The first few of a list of names, and how many more there are."""
    rest = f" and {len(items) - shown} more" if len(items) > shown else ""
    return ", ".join(items[:shown]) + rest
