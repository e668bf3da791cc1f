"""Command: a folder of sound files in TAU's layout -> one .h5 of equal clips, the file that every stage reads.

    python -m tinyasc.prepare --root DIR --out FILE.h5
    python -m tinyasc.prepare --download DIR --out FILE.h5

Here the tables are read, what is not done yet is converted, what is wrong is said, and the file finished. Its rooms:

    folder     what the tables of a folder say
    convert    the files of one recording -> int16 pieces; of all, in order, by many processes
    partial    FILE.h5.partial: finished pieces on disk, and what is needed to go on after a kill
    layout     the HDF5 around the pieces; `tinyasc.clips` reads it
    problems   what is wrong with files, and the one table that says so
    estimate   what it will take, from a few recordings
    download   TAU from Zenodo, by `tinyasc.fetch`
"""

from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Literal

import numpy as np
from tqdm import tqdm

from tinyasc.errors import UserError
from tinyasc.fetch import check_space, size
from tinyasc.prepare import download as downloading
from tinyasc.prepare import estimate, layout, problems
from tinyasc.prepare.convert import ClipFormat, convert_all
from tinyasc.prepare.folder import Entry, Folder, read_folder, unlisted
from tinyasc.prepare.partial import Done, Partial, key_of, partial_of
from tinyasc.prepare.problems import Problem


def prepare(
    root: Path | None = None,
    out: Path | None = None,
    *,
    download: Path | None = None,
    record: str = downloading.TAU_2022,
    subsets: Path | None = None,
    sample_rate: int = 32_000,
    clip_seconds: float = 1.0,
    longer: Literal["cut", "refuse"] = "cut",
    on_error: Literal["stop", "skip"] = "stop",
    dry_run: bool = False,
    processes: int | None = None,
) -> None:
    """Prepare a folder of sound files for training: TAU 2022 Mobile, or any folder with the same tables.

    Killed at any moment, the same command goes on with what is not done yet.

    Args:
        root: folder with meta.csv, evaluation_setup/ and the sound files.
        out: the .h5 file to write; it appears only when it is complete (OUT.partial until then).
        download: fetch a data set from Zenodo into this folder first; it becomes --root.
        record: which one, as a URL of Zenodo's API; default: TAU Urban Acoustic Scenes 2022 Mobile, development.
        subsets: folder with split5.csv ... split100.csv, named subsets of the training split; those in
            evaluation_setup/ are found without.
        sample_rate: of the prepared clips, Hz.
        clip_seconds: their length; shorter files are padded with silence.
        longer: cut longer files into clips (a rest of less than half a clip is left out), or refuse them.
        on_error: stop: files that cannot be used are shown, and no OUT is written; skip: they are left out.
        dry_run: say how long it would take, how many bytes it needs and what is missing, and write nothing.
        processes: how many processes convert; default: one per CPU core.
    """
    if (download is None) == (root is None):
        raise UserError("give either --root DIR or --download DIR")
    if out is None and (root is not None or dry_run):
        raise UserError("give --out FILE.h5, the file to write")
    if download is not None and dry_run:
        raise UserError("--dry-run writes nothing, --download does: download first, then give --root")
    if processes is not None and processes < 1:
        raise UserError(f"processes is {processes}: take 1 or more")
    clip = _clip_format(sample_rate, clip_seconds, longer)
    if download is not None:
        root = downloading.download(download, record)
    if root is None or out is None:
        return
    folder = read_folder(root, subsets)
    recordings = [list(entries) for _, entries in groupby(folder.entries, key=lambda entry: entry.recording)]
    if dry_run:
        estimate.show(folder, recordings, clip, out, processes)
        return
    needed = estimate.bytes_needed(folder, recordings, clip)
    check_space(out.parent, needed - max(0, size(partial_of(out))), f"{out.name}, estimated from some of the files")
    with Partial(out, clip) as unfinished:
        done = _convert_all(root, recordings, clip, unfinished, processes)
        found = [*folder.problems, *(problem for one in done for problem in one.problems)]
        found += [*unlisted(folder), *_unusual_rates(done), *_not_whole(recordings, done)]
        problems.show(found, problems.table_path(out))
        left_out = [problem for problem in found if problem.severity == "error"]
        if left_out and on_error == "stop":
            raise UserError(
                f"{len(left_out):,} files in {root} cannot be used "
                f"({problems.count(left_out)}; all in {problems.table_path(out)}): repair them and give the same "
                "command again, which converts only them, or leave them out with --on_error skip"
            )
        _finish(unfinished, folder, clip, recordings, done)
    if folder.split_by_place:
        print("no split tables in evaluation_setup/: a fifth of each label's places is the test split")
    print(f"wrote {out}: {_summary(done)}, {out.stat().st_size / 1e6:,.0f} MB")


def _clip_format(sample_rate: int, clip_seconds: float, longer: Literal["cut", "refuse"]) -> ClipFormat:
    samples = round(sample_rate * clip_seconds) if 0 < clip_seconds <= 600 else 0
    if not 1_000 <= sample_rate <= 384_000 or samples < 1:
        raise UserError(
            f"sample_rate is {sample_rate} Hz and clip_seconds {clip_seconds:g}: "
            "take 1,000 to 384,000 Hz, and a length above zero, up to 600 s"
        )
    return ClipFormat(sample_rate, samples, longer)


def _convert_all(
    root: Path, recordings: list[list[Entry]], clip: ClipFormat, unfinished: Partial, processes: int | None
) -> list[Done]:
    keys = [key_of(root, entries) for entries in recordings]
    waiting = [(key, entries) for key, entries in zip(keys, recordings, strict=True) if key not in unfinished]
    total, left = sum(map(len, recordings)), sum(len(entries) for _, entries in waiting)
    with tqdm(total=total, initial=total - left, unit=" files", mininterval=0.5, smoothing=0.05) as bar:
        work = convert_all(root, clip, [entries for _, entries in waiting], processes)
        for (key, entries), recording in zip(waiting, work, strict=True):
            unfinished.append(key, recording)
            bar.update(len(entries))
    return [unfinished[key] for key in keys]


def _finish(
    unfinished: Partial, folder: Folder, clip: ClipFormat, recordings: list[list[Entry]], done: list[Done]
) -> None:
    used = [one for one in done if one.files]
    if not used:
        raise UserError(f"no file of {folder.root} can be used: nothing to prepare")
    counts = [sum(len(file.lengths) for file in one.files) for one in used]
    broken = {problem.file for problem in _not_whole(recordings, done)}
    contents = layout.Contents(
        files=[file for one in used for file in one.files],
        rows=np.concatenate([np.arange(one.row, one.row + count) for one, count in zip(used, counts, strict=True)]),
        digests=[one.digest for one in used],
        whole={entries[0].recording for entries in recordings} - broken,
    )
    unfinished.finish(lambda path: layout.write_indices(path, folder, clip, contents))


def _unusual_rates(done: list[Done]) -> list[Problem]:
    rates = Counter(file.source_rate for one in done for file in one.files)
    usual = rates.most_common(1)[0][0] if rates else 0
    detail = "{:,} Hz where most files have {:,}: resampled"
    return [
        Problem(file.name, "other rate", "note", detail.format(file.source_rate, usual))
        for one in done
        for file in one.files
        if file.source_rate != usual
    ]


def _not_whole(recordings: list[list[Entry]], done: list[Done]) -> list[Problem]:
    """Recordings in pieces whose ten seconds cannot be put together."""
    most = max((len(entries) for entries in recordings if entries[0].piece is not None), default=0)
    found = []
    for entries, one in zip(recordings, done, strict=True):
        if entries[0].piece is None:
            continue
        if len(one.files) < most:
            found.append(Problem(entries[0].recording, "incomplete", "note", f"{len(one.files)} of {most} pieces"))
        elif not all(file.joined for file in one.files[1:]):
            detail = "its pieces are not consecutive, of one rate and a clip's length each"
            found.append(Problem(entries[0].recording, "not joined", "note", detail))
    return found


def _summary(done: list[Done]) -> str:
    files = [file for one in done for file in one.files]
    clips = sum(len(file.lengths) for file in files)
    return f"{clips:,} clips from {len(files):,} files of {sum(bool(one.files) for one in done):,} recordings"
