"""The HDF5 around the clips, format 2 of `tinyasc.clips`.

The sound of a prepared file is one unbroken block, so that it can be written before anything else of the file is known:
the bytes before the block depend on nothing but the number of rows, and everything else comes after it.

Shapes: N clips, S samples of a clip.
"""

import json
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import h5py
import numpy as np

from tinyasc.clips import FORMAT, SPLITS, checksum
from tinyasc.prepare.convert import ClipFormat, Converted
from tinyasc.prepare.folder import Folder

RECORDED_PACKAGES = ("tinyasc", "numpy", "h5py", "soundfile", "soxr")
"""Packages whose version can change a sample."""


def versions() -> dict[str, str]:
    """What is installed of them."""
    return {package: metadata.version(package) for package in RECORDED_PACKAGES}


def head(scratch: Path, rows: int, samples: int) -> bytes:
    """The bytes of a prepared file before its sound: an HDF5 file with room for int16 (rows, samples) and nothing else.

    Args:
        scratch: a file that may be written for a moment; it takes no space, whatever its length.
        rows: clips that there will be room for.
        samples: length of a clip.
    """
    contiguous = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    contiguous.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    contiguous.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    contiguous.set_obj_track_times(False)  # the same sound, the same bytes
    with h5py.File(scratch, "w") as file:
        space = h5py.h5s.create_simple((rows, samples))
        offset = h5py.h5d.create(file.id, b"pcm", h5py.h5t.STD_I16LE, space, contiguous).get_offset()
    with scratch.open("rb") as file:
        content = file.read(offset)
    scratch.unlink()
    return content


@dataclass(frozen=True)
class Contents:
    """What a prepared file holds beside the sound."""

    files: list[Converted]
    """Those that gave clips, in order."""
    rows: np.ndarray
    """int64 (N,), where each clip is in the sound."""
    digests: list[str]
    """sha256 of the sound of each recording, in order."""
    whole: set[str]
    """Recordings of which no piece is missing."""


def write_indices(path: Path, folder: Folder, clip: ClipFormat, contents: Contents) -> None:
    """Add everything but the sound to a file whose head and sound are written."""
    files = contents.files
    counts = [len(file.lengths) for file in files]
    listed = {entry.file: entry for entry in folder.entries}
    entries = [listed[file.name] for file in files]
    named = {
        "label": [entry.label for entry in entries],
        "device": [entry.device for entry in entries],
        "city": [entry.city for entry in entries],
        "recording": [entry.recording for entry in entries],
    }
    names = {column: sorted({value for value in values if value is not None}) for column, values in named.items()}
    named["split"], names["split"] = [entry.split for entry in entries], list(SPLITS)
    names["subset"] = sorted(folder.subsets)
    columns: dict[str, np.ndarray] = {}
    for column, values in named.items():
        place: dict[str | None, int] = {None: -1, **{name: index for index, name in enumerate(names[column])}}
        columns[column] = np.repeat(np.array([place[value] for value in values], "<i4"), counts)
    columns["length"] = np.array([length for file in files for length in file.lengths], "<i4")
    columns["joined"] = np.array([n > 0 or f.joined for f in files for n in range(len(f.lengths))], "i1")
    columns["source_rate"] = np.repeat(np.array([file.source_rate for file in files], "<i4"), counts)
    columns["whole"] = np.array([recording in contents.whole for recording in names["recording"]], "i1")
    for subset, members in folder.subsets.items():
        columns[f"subset/{subset}"] = np.repeat([entry.file in members for entry in entries], counts).astype("i1")
    paths = [entry.file for entry, count in zip(entries, counts, strict=True) for _ in range(count)]
    text = h5py.string_dtype()
    with h5py.File(path, "r+") as file:
        for name, values in columns.items():
            file.create_dataset(name, data=values)
        for name, values in names.items():  # not attributes, which hold 64 KB at most; TAU has 23,000 recordings
            file.create_dataset(f"names/{name}", (len(values),), text, np.array(values, object))
        file.create_dataset("row", data=contents.rows.astype("<i8"))
        file.create_dataset("file", data=np.array(paths, object), dtype=text)
        file.create_dataset(
            "digest", data=np.frombuffer(bytes.fromhex("".join(contents.digests)), "u1").reshape(-1, 32)
        )
        file.attrs.update(
            format=FORMAT,
            sample_rate=clip.sample_rate,
            source=folder.source,
            versions=json.dumps(versions()),
            checksum=checksum(clip.sample_rate, contents.digests, columns, names, paths),
        )
