"""The files of one recording -> int16 pieces of equal length; of many recordings, in order, by several processes.

Neighbouring pieces are joined before they are resampled and cut apart after, so that a window over their seam holds the
sound that the device recorded, without the start and end of two filters in its middle.

Shapes: n pieces, S samples of a clip.
"""

import ctypes
import hashlib
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from typing import Literal

import numpy as np

from tinyasc import sound
from tinyasc.errors import UserError
from tinyasc.prepare.folder import Entry
from tinyasc.prepare.problems import Problem

SOURCE_RATES = (4_000, 384_000)
"""Rates that a recording can have, Hz; another one is a broken header."""
CHUNK = 4
"""Recordings that go to a process at a time: large enough to make little talk, small enough to share out."""
AHEAD = 3
"""Chunks for each process that are begun before their turn."""
PR_SET_PDEATHSIG = 1
"""Linux: the signal that a process is sent when its parent ends (prctl(2))."""


@dataclass(frozen=True)
class ClipFormat:
    """What every clip of a prepared file is."""

    sample_rate: int = 32_000
    """Samples per second, Hz."""
    samples: int = 32_000
    """Length, samples."""
    longer: Literal["cut", "refuse"] = "cut"
    """What is done with a file that is longer."""


@dataclass(frozen=True, slots=True)
class Converted:
    """One file that gave clips."""

    name: str
    """Path inside the folder."""
    source_rate: int
    """Of the file, Hz."""
    lengths: tuple[int, ...]
    """Of its clips, samples of sound before the padding."""
    joined: bool
    """Whether its first clip goes on where the clip before it ends."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What came of one recording."""

    files: list[Converted]
    problems: list[Problem]
    digest: str
    """sha256 of the clips' bytes."""
    clips: np.ndarray
    """int16 (n, S)."""


@dataclass
class _Run:
    """Files that follow one another without a gap."""

    entries: list[Entry] = field(default_factory=list)
    sounds: list[np.ndarray] = field(default_factory=list)
    rate: int = 0


def convert(root: Path, clip: ClipFormat, entries: list[Entry]) -> Recording:
    """The clips of one recording's files, which are given in the order of its pieces; bad files are no exception."""
    problems: list[Problem] = []
    runs: list[_Run] = []
    for entry in entries:
        read = _usable_sound(root / entry.file, clip)
        if isinstance(read, str):
            kind, _, detail = read.partition(": ")
            problems.append(Problem(entry.file, kind, "error", detail))
            continue
        waveform, rate = read
        if not (runs and _continues(runs[-1], entry, rate, clip)):
            runs.append(_Run(rate=rate))
        runs[-1].entries.append(entry)
        runs[-1].sounds.append(waveform)
    files: list[Converted] = []
    clips = [np.zeros((0, clip.samples), "<i2")]
    for run in runs:
        together = np.concatenate(run.sounds) if len(run.sounds) > 1 else run.sounds[0]
        resampled = sound.resampled(together, run.rate, clip.sample_rate)
        lengths = [len(waveform) * clip.sample_rate // run.rate for waveform in run.sounds[:-1]]
        lengths.append(len(resampled) - sum(lengths))
        starts = np.cumsum([0, *lengths])
        for place, (entry, (start, end)) in enumerate(zip(run.entries, pairwise(starts), strict=True)):
            pieces = to_pieces(resampled[start:end], clip.samples)
            kept = min(end - start, pieces.size)
            if (rest := int(end - start - kept)) > 0:
                left = f"the last {rest / clip.sample_rate:.2f} s, less than half a clip, are left out"
                problems.append(Problem(entry.file, "rest", "note", left))
            full = (clip.samples,) * (len(pieces) - 1)
            files.append(Converted(entry.file, run.rate, (*full, int(kept) - sum(full)), joined=place > 0))
            clips.append(pieces)
    pieces = np.concatenate(clips)
    return Recording(files, problems, hashlib.sha256(pieces.data).hexdigest(), pieces)


def convert_all(
    root: Path, clip: ClipFormat, recordings: list[list[Entry]], processes: int | None
) -> Iterator[Recording]:
    """`convert` of every recording, in their order, without ever holding more than a few of them in memory.

    Args:
        root: the folder.
        clip: what the clips are to be.
        recordings: their files.
        processes: how many processes; None: one per CPU core; 1: this one.

    Raises:
        UserError: the system killed a process.
    """
    work = partial(convert, root, clip)
    if processes == 1:
        yield from map(work, recordings)
        return
    processes = processes or os.cpu_count() or 1
    items = iter(recordings)
    waiting: deque[Future[list[Recording]]] = deque()
    executor = ProcessPoolExecutor(processes, initializer=_belong_to_the_parent)
    try:
        while True:
            while len(waiting) < AHEAD * processes and (chunk := list(islice(items, CHUNK))):
                waiting.append(executor.submit(_work_on, work, chunk))
            if not waiting:
                return
            yield from waiting.popleft().result()
    except BrokenProcessPool:
        raise UserError(
            "the system killed a process (out of memory?): give the same command again, it goes on"
        ) from None
    finally:
        executor.shutdown(cancel_futures=True)


def pieces_in(length: int, samples: int) -> int:
    """How many clips of `samples` a sound of `length` samples gives: a rest of half a clip counts, and the only one."""
    whole, rest = divmod(length, samples)
    return whole + (2 * rest >= samples or whole == 0)


def to_pieces(waveform: np.ndarray, samples: int) -> np.ndarray:
    """Cuts a sound into clips, the last one padded with zeros: float (length,) -> int16 (n, samples)."""
    pieces = np.zeros((pieces_in(len(waveform), samples), samples), "<i2")
    kept = waveform[: pieces.size] * np.float32(2.0**15)
    np.rint(kept, out=kept)
    np.clip(kept, -(2**15), 2**15 - 1, out=kept)
    pieces.reshape(-1)[: len(kept)] = kept
    return pieces


def _usable_sound(path: Path, clip: ClipFormat) -> tuple[np.ndarray, int] | str:
    """The sound of a file and its rate, or what is wrong with it."""
    try:
        waveform, rate = sound.decoded(path)
    except FileNotFoundError:
        return "missing"
    except sound.TruncatedError:
        return "truncated"
    except OSError as error:
        if error.errno:
            return f"unreadable: {error.strerror}"
        return f"not audio: {str(error).removeprefix(f'{path}: ')}"
    return _flaw(waveform, rate, clip) or (waveform, rate)


def _flaw(waveform: np.ndarray, rate: int, clip: ClipFormat) -> str | None:
    peak = max(waveform.max(initial=0.0), -waveform.min(initial=0.0))  # NaN if any sample is
    too_long = len(waveform) * clip.sample_rate > clip.samples * rate
    flaws = {
        "empty": not len(waveform),
        f"wrong rate: {rate:,} Hz": not SOURCE_RATES[0] <= rate <= SOURCE_RATES[1],
        "NaN: not all samples are numbers": not np.isfinite(peak),
        "silent": peak < 2.0**-16,  # every sample would become 0
        f"too long: {len(waveform):,} samples": clip.longer == "refuse" and too_long,
    }
    return next((flaw for flaw, found in flaws.items() if found), None)


def _continues(run: _Run, entry: Entry, rate: int, clip: ClipFormat) -> bool:
    """Whether a piece goes on where a run ends: the next number, the same rate, and whole clips before it."""
    last = run.entries[-1]
    whole = len(run.sounds[-1]) * clip.sample_rate == clip.samples * rate
    same = (last.split, last.label, last.device) == (entry.split, entry.label, entry.device)
    follows = last.piece is not None and entry.piece == last.piece + 1
    return follows and whole and same and rate == run.rate


def _work_on(work: Callable[[list[Entry]], Recording], chunk: list[list[Entry]]) -> list[Recording]:
    return [work(entries) for entries in chunk]


def _belong_to_the_parent() -> None:
    """Leave Ctrl-C to the parent process, and die with it even if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
