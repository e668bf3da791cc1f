"""A dry run: how long preparing would take, how many bytes it needs, and what is missing. Writes nothing."""

import os
import shutil
import time
from pathlib import Path

from tqdm import tqdm

from tinyasc.fetch import existing
from tinyasc.prepare import problems
from tinyasc.prepare.convert import ClipFormat, convert
from tinyasc.prepare.folder import Entry, Folder, unlisted
from tinyasc.prepare.problems import Problem

SAMPLE, FEW = 48, 4
"""Recordings that are converted to see how long it takes, and how many bytes; spread evenly over the folder."""


def bytes_needed(folder: Folder, recordings: list[list[Entry]], clip: ClipFormat) -> int:
    """How large the prepared file will be, estimated from a few recordings."""
    chosen = _some(recordings, FEW)
    clips = sum(len(convert(folder.root, clip, entries).clips) for entries in chosen)
    return round(2 * clip.samples * clips * len(recordings) / len(chosen))


def show(folder: Folder, recordings: list[list[Entry]], clip: ClipFormat, out: Path, processes: int | None) -> None:
    """Print what preparing the folder would need.

    Args:
        folder: what its tables say.
        recordings: its files, by recording.
        clip: what the clips would be.
        out: the file that would be written.
        processes: how many processes would convert; None: one per CPU core.
    """
    missing = [
        Problem(entry.file, "missing", "error")
        for entry in tqdm(folder.entries, "looking for files", unit=" files", leave=False, mininterval=0.5)
        if not (folder.root / entry.file).is_file()
    ]
    absent = {problem.file for problem in missing}
    chosen = _some(recordings, SAMPLE)
    started = time.perf_counter()
    sample = [
        convert(folder.root, clip, [entry for entry in entries if entry.file not in absent])
        for entries in tqdm(chosen, "trying some", unit=" recordings", leave=False)
    ]
    share = len(recordings) / len(chosen)
    seconds = (time.perf_counter() - started) * share / (processes or os.cpu_count() or 1)
    needed = 2 * clip.samples * share * sum(len(one.clips) for one in sample)
    place = existing(out.parent)
    found = [*folder.problems, *missing, *unlisted(folder), *(problem for one in sample for problem in one.problems)]
    splits = {split: sum(entry.split == split for entry in folder.entries) for split in ("train", "test", "neither")}
    print(f"{folder.root}: {len(folder.entries):,} files of {len(recordings):,} recordings")
    print("  " + ", ".join(f"{split} {number:,}" for split, number in splits.items() if number))
    for name, members in sorted(folder.subsets.items(), key=lambda subset: len(subset[1])):
        print(f"  subset {name}: {len(members):,}")
    print(f"estimated from {len(chosen)} recordings:")
    print(f"  time   {seconds / 60:,.1f} min with {processes or os.cpu_count()} processes")
    print(f"  bytes  {needed / 1e9:,.2f} GB; {shutil.disk_usage(place).free / 1e9:,.1f} GB are free in {place}")
    print(f"problems seen so far: {problems.count(found) or 'none'}")
    for problem in found[: problems.SHOWN]:
        print(f"  {problem.kind}: {problem.file}  {problem.detail}".rstrip())


def _some(recordings: list[list[Entry]], count: int) -> list[list[Entry]]:
    return recordings[:: max(1, len(recordings) // count)]
