"""FILE.h5.partial: the clips that are finished, and the journal that says so.

Clips are appended as they are finished, each recording's with one line in `FILE.h5.partial.journal`. A process killed
at any moment leaves at most one recording that the journal does not know, and it is done again. Every few seconds both
files are forced to the disk and the journal says "synced"; what came after the last such line is checked against its
digest when the work goes on, so that a power cut costs those seconds at most.

A recording is known by its files' names, sizes, times and rows in the tables: one that was repaired is done again.
"""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tinyasc.errors import UserError
from tinyasc.prepare import layout
from tinyasc.prepare.convert import ClipFormat, Converted, Recording
from tinyasc.prepare.folder import Entry
from tinyasc.prepare.problems import Problem

SYNC_SECONDS = 5.0
SYNCED = {"synced": True}


@dataclass(frozen=True, slots=True)
class Done:
    """A recording whose clips are in the file."""

    row: int
    """Place of its first clip."""
    digest: str
    """sha256 of its clips."""
    files: list[Converted]
    problems: list[Problem]


def key_of(root: Path, entries: list[Entry]) -> str:
    """What a recording is known by in the journal."""
    digest = hashlib.sha256()
    for entry in entries:
        try:
            status = os.stat(f"{root}/{entry.file}")
            state = f"{status.st_size} {status.st_mtime_ns}"
        except OSError:
            state = "missing"
        row = (entry.file, entry.label or "", entry.device, entry.split, str(entry.piece), state)
        digest.update("\t".join(row).encode())
    return digest.hexdigest()[:32]


def partial_of(out: Path) -> Path:
    """Where the prepared file `out` grows."""
    return out.with_name(out.name + ".partial")


class Partial:
    """An unfinished prepared file; opening it goes on where the last process stopped."""

    def __init__(self, out: Path, clip: ClipFormat) -> None:
        """Opens or begins it.

        Args:
            out: the prepared file that it will be.
            clip: what its clips are.

        Raises:
            UserError: another process is writing it, it was begun with other settings, or `out` is a folder.
        """
        if out.is_dir():
            raise UserError(f"{out} is a folder: --out is the file to write, e.g. {out / 'data.h5'}")
        self.path = partial_of(out)
        self.out, self.clip = out, clip
        self._scratch, journal = (self.path.with_name(self.path.name + end) for end in (".head", ".journal"))
        out.parent.mkdir(parents=True, exist_ok=True)
        self._journal_path = journal
        self._journal = _open(journal)
        try:
            fcntl.lockf(self._journal, fcntl.LOCK_EX | fcntl.LOCK_NB)  # unlike flock, not handed on to workers
        except OSError:
            raise UserError(f"{self.path} is being written by another process: wait for it") from None
        self._file = _open(self.path)
        self._begin = len(layout.head(self._scratch, 1, clip.samples))
        self.rows = 0
        """Clips in the file, those of recordings that were done again too."""
        self._done: dict[str, Done] = {}
        self._go_on()
        self._synced = time.monotonic()

    def __enter__(self) -> "Partial":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._journal.close()

    def __contains__(self, key: str) -> bool:
        return key in self._done

    def __getitem__(self, key: str) -> Done:
        return self._done[key]

    def append(self, key: str, recording: Recording) -> None:
        """Add the clips of a recording."""
        self._file.seek(self._place(self.rows))
        _write_all(self._file, recording.clips.reshape(-1).view("u1").data)
        self._write_line(
            {"key": key, "digest": recording.digest, "files": recording.files, "problems": recording.problems}
        )
        self._note(key, recording.digest, recording.files, recording.problems)
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self._sync()

    def finish(self, write_indices: Callable[[Path], None]) -> None:
        """Turn it into the prepared file.

        Args:
            write_indices: called with the path of a valid HDF5 file that has the sound and nothing else.
        """
        self._sync()
        self._file.seek(0)
        _write_all(self._file, memoryview(layout.head(self._scratch, self.rows, self.clip.samples)))
        os.ftruncate(self._file.fileno(), self._place(self.rows))
        try:
            write_indices(self.path)
        except (RuntimeError, OSError) as error:  # h5py's way to say that the disk is full, and more
            raise UserError(f"{self.path} cannot be finished ({' '.join(str(error).split())})") from None
        os.fsync(self._file.fileno())
        self.path.replace(self.out)
        self._journal_path.unlink()

    def _place(self, row: int) -> int:
        """Where a clip begins in the file, bytes."""
        return self._begin + row * 2 * self.clip.samples

    def _note(self, key: str, digest: str, files: list[Converted], problems: list[Problem]) -> None:
        self._done[key] = Done(self.rows, digest, files, problems)
        self.rows += sum(len(file.lengths) for file in files)

    def _write_line(self, line: dict[str, Any]) -> None:
        _write_all(self._journal, memoryview(json.dumps(line, default=asdict).encode() + b"\n"))

    def _sync(self) -> None:
        os.fdatasync(self._file.fileno())
        self._write_line(SYNCED)
        os.fdatasync(self._journal.fileno())
        self._synced = time.monotonic()

    def _go_on(self) -> None:
        """Take over what the journal vouches for and the file holds, and forget the rest."""
        begun = {"format": layout.FORMAT, "clip": asdict(self.clip), "versions": layout.versions()}
        lines = [(text, _parsed(text)) for text in self._journal.readall().splitlines(keepends=True)]
        if lines and lines[0][1] is not None and lines[0][1] != begun:
            raise UserError(
                f"{self.path} was begun with other settings or versions: give the command that began it, "
                "another --out, or remove it"
            )
        kept = len(lines[0][0]) if lines and lines[0][1] else 0
        trusted = max((number for number, (_, line) in enumerate(lines) if line == SYNCED), default=0)
        for number, (text, line) in enumerate(lines[1:] if kept else (), 1):
            if line != SYNCED and not (line and self._take_over(line, check=number > trusted)):
                break
            kept += len(text)
        self._journal.truncate(kept)
        self._journal.seek(kept)
        if not kept:
            self._write_line(begun)
        elif self._done:
            tqdm.write(f"going on after {len(self._done):,} recordings in {self.path}")

    def _take_over(self, line: dict[str, Any], check: bool) -> bool:
        """Whether the file holds what a line of the journal says; then it is done."""
        files = [Converted(**{**file, "lengths": tuple(file["lengths"])}) for file in line["files"]]
        begin, end = self._place(self.rows), self._place(self.rows + sum(len(file.lengths) for file in files))
        if os.fstat(self._file.fileno()).st_size < end:
            return False
        if check and hashlib.sha256(os.pread(self._file.fileno(), end - begin, begin)).hexdigest() != line["digest"]:
            return False
        self._note(line["key"], line["digest"], files, [Problem(**problem) for problem in line["problems"]])
        return True


def _open(path: Path) -> FileIO:
    return FileIO(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+")


def _write_all(file: FileIO, content: memoryview) -> None:
    """A raw file may take less than it is given, e.g. the last bytes of a disk."""
    while content:
        content = content[file.write(content) or 0 :]


def _parsed(text: bytes) -> dict[str, Any] | None:
    """A line of the journal; None if it was torn."""
    try:
        line = json.loads(text) if text.endswith(b"\n") else None
    except ValueError:
        return None
    return line if isinstance(line, dict) else None
