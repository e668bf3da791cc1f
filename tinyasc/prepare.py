"""Command: a folder of sound files in TAU's layout -> one .h5 of equal clips, the file that every stage reads.

    python -m tinyasc.prepare --root DIR --out FILE.h5

Every file becomes mono int16 at 32 kHz in pieces of one second. `tinyasc.clips` describes the format and reads it.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import h5py
import numpy as np
from tqdm import tqdm

from tinyasc import recipe, sound
from tinyasc.clips import FORMAT, SPLITS
from tinyasc.errors import UserError
from tinyasc.folder import Entry, read_folder, some_of, source_of

SAMPLE_RATE = 32_000
"""Samples per second of the prepared clips, Hz."""
CLIP_SAMPLES = 32_000
"""Length of every prepared clip, samples."""
NAME_LISTS = {"label": "labels", "device": "devices", "city": "cities", "recording": "recordings"}


def prepare(root: Path, out: Path, processes: int | None = None) -> None:
    """Prepare a folder of sound files for training: TAU 2022 Mobile, or any folder with the same tables.

    Args:
        root: folder with meta.csv, evaluation_setup/fold1_train.csv, fold1_evaluate.csv and the sound files.
        out: the .h5 file to write; it appears only when it is complete.
        processes: how many processes convert; default: one per CPU core.
    """
    entries = read_folder(root)
    with ProcessPoolExecutor(processes or os.cpu_count()) as executor:
        counts = list(_results(executor, partial(_count, root), entries, "headers"))
        clips = sum(counts)
        out.parent.mkdir(parents=True, exist_ok=True)
        needed = clips * CLIP_SAMPLES * 2
        if (free := shutil.disk_usage(out.parent).free) < needed:
            raise UserError(f"{out.parent} has {free / 1e9:.1f} GB free, {out.name} needs {needed / 1e9:.1f} GB")
        with _appearing_when_complete(out) as unfinished, h5py.File(unfinished, "w") as file:
            pcm = file.create_dataset("pcm", (clips, CLIP_SAMPLES), "<i2", fill_time="never")
            digest = hashlib.sha256()
            row = 0
            for pieces in _results(executor, partial(_convert, root), entries, "clips"):
                pcm[row : row + len(pieces)] = pieces
                digest.update(pieces.tobytes())
                row += len(pieces)
            _write_indices(file, entries, counts, digest, source_of(root))
    print(f"wrote {out}: {clips:,} clips from {len(entries):,} files, {out.stat().st_size / 1e6:,.0f} MB")


def pieces_in(samples: int) -> int:
    """Number of clips that a sound of `samples` samples gives: a rest of half a clip counts, as does the only one."""
    whole, rest = divmod(samples, CLIP_SAMPLES)
    return whole + (rest >= CLIP_SAMPLES // 2 or whole == 0)


def to_pieces(waveform: np.ndarray) -> np.ndarray:
    """Cuts a sound into clips, the last one padded with zeros: float (samples,) -> int16 (pieces, CLIP_SAMPLES)."""
    pieces = np.zeros((pieces_in(len(waveform)), CLIP_SAMPLES), np.float32)
    flat = pieces.reshape(-1)
    kept = waveform[: len(flat)]
    flat[: len(kept)] = kept
    return np.clip(np.rint(pieces * 2.0**15), -(2**15), 2**15 - 1).astype("<i2")


def _count(root: Path, entry: Entry) -> int | str:
    """How many clips a file gives, or why it gives none."""
    path = root / entry.file
    if not path.is_file():
        return f"{entry.file} (missing)"
    try:
        samples = sound.samples_at(path, SAMPLE_RATE)
    except OSError:
        return f"{entry.file} (not a whole sound file)"
    return pieces_in(samples) if samples else f"{entry.file} (empty)"


def _convert(root: Path, entry: Entry) -> np.ndarray | str:
    """The clips of a file, or why there are none."""
    try:
        return to_pieces(sound.read(root / entry.file, SAMPLE_RATE))
    except OSError:
        return f"{entry.file} (damaged)"


def _results(executor: ProcessPoolExecutor, work: partial, entries: list[Entry], unit: str) -> Iterator:
    """Work on every entry, in order; all that fail are named at the end, in one line."""
    failed: list[str] = []
    chunk = max(1, min(64, len(entries) // 64))  # large enough to make little talk, small enough to share out
    for result in tqdm(
        executor.map(work, entries, chunksize=chunk), unit=f" {unit}", total=len(entries), mininterval=0.5
    ):
        if isinstance(result, str):
            failed.append(result)
        elif not failed:
            yield result
    if failed:
        raise UserError(f"{len(failed)} of {len(entries)} files in {work.args[0]} cannot be used: {some_of(failed)}")


@contextmanager
def _appearing_when_complete(out: Path) -> Iterator[Path]:
    unfinished = out.with_name(out.name + ".partial")
    try:
        yield unfinished
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)


def _write_indices(
    file: h5py.File, entries: list[Entry], counts: list[int], digest: "hashlib._Hash", source: str
) -> None:
    """Everything but the sound; the digest of the sound goes on over it and becomes the checksum."""
    text = h5py.string_dtype()
    columns = {column: [getattr(entry, column) for entry in entries] for column in NAME_LISTS}
    names = {column: sorted(set(values)) for column, values in columns.items()}
    columns["split"], names["split"] = [entry.split for entry in entries], list(SPLITS)
    for column, values in columns.items():
        place = {name: index for index, name in enumerate(names[column])}
        indices = np.array([place[value] for value in values], "i1" if column == "split" else "<i4")
        repeated = np.repeat(indices, counts)
        file.create_dataset(column, data=repeated)
        digest.update(repeated.tobytes())
    digest.update(json.dumps(names, sort_keys=True, ensure_ascii=False).encode())
    files = np.repeat(np.array([entry.file for entry in entries], object), counts)
    file.create_dataset("file", data=files, dtype=text)
    # An attribute holds 64 KB at most; TAU has 23,000 recordings.
    file.create_dataset("recordings", data=np.array(names.pop("recording"), object), dtype=text)
    for column, values in names.items():
        file.attrs.create(NAME_LISTS.get(column, "splits"), values, dtype=text)
    file.attrs.update(format=FORMAT, sample_rate=SAMPLE_RATE, source=source, checksum=digest.hexdigest())


if __name__ == "__main__":
    raise SystemExit(recipe.run(prepare))
