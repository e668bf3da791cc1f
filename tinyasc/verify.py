"""Command: say what is in a prepared data set, and check that it is what was written.

    python -m tinyasc.verify --data FILE.h5

Shapes: N clips of the file.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

from tinyasc import recipe
from tinyasc.clips import SPLITS, Clips
from tinyasc.errors import UserError


def describe(data: Path) -> None:
    """Say what is in a prepared data set, and check that it is what was written.

    Args:
        data: prepared data set (.h5).
    """
    with Clips(data) as clips:
        rates = " and ".join(f"{rate:,}" for rate in np.unique(clips.source_rate))
        whole = np.bincount(clips.recording, clips.joined == 0) == 1
        print(f"{data}: {clips.source}")
        print(
            f"  {len(clips):,} clips of {clips.samples:,} samples at {clips.sample_rate:,} Hz; recorded at {rates} Hz"
        )
        print(f"  {len(clips.recordings):,} recordings, {whole.sum():,} of them without a gap")
        for name in (*SPLITS, *sorted(clips.subsets, key=lambda subset: clips.subsets[subset].sum())):
            indices = clips.indices(name)
            devices = np.bincount(clips.device[indices], minlength=len(clips.devices))
            counts = ", ".join(f"{clips.devices[d]} {devices[d]:,}" for d in np.flatnonzero(devices))
            print(f"  {name:<8} {len(indices):>9,} clips" + (f": {counts}" if counts else ""))
        print(f"  labels: {', '.join(clips.labels) or 'none'}")
        print("  prepared with " + ", ".join(f"{package} {version}" for package, version in clips.versions.items()))
        verify(clips)
        print(f"  verified: sha256 {clips.checksum}")


def verify(clips: Clips) -> None:
    """Read all sound and compare it with the checksum.

    Raises:
        UserError: the file is not what was prepared.
    """
    ends = np.append(np.flatnonzero(np.diff(clips.recording)) + 1, len(clips))
    parts = [clips.row[begin:end] for begin, end in zip(np.append(0, ends[:-1]), ends, strict=True)]
    digests = [hashlib.sha256(clips.pcm[rows].data).hexdigest() for rows in parts]
    columns = ("label", "device", "city", "recording", "split", "length", "joined")
    arrays: dict[str, np.ndarray] = {name: getattr(clips, name) for name in columns}
    arrays |= {f"subset/{name}": members for name, members in clips.subsets.items()}
    names = {"label": clips.labels, "device": clips.devices, "city": clips.cities, "recording": clips.recordings}
    if digests != clips.digests:
        wrong = [
            place for place, (ours, stored) in enumerate(zip(digests, clips.digests, strict=True)) if ours != stored
        ]
        first = clips.recordings[clips.recording[ends[wrong[0]] - 1]]
        raise UserError(
            f"{clips.path}: the sound of {len(wrong)} recordings is damaged, first {first}: prepare it again"
        )
    if checksum(digests, arrays, {**names, "split": list(SPLITS)}) != clips.checksum:
        raise UserError(f"{clips.path}: its tables are damaged: prepare it again")


def checksum(digests: list[str], arrays: dict[str, np.ndarray], names: dict[str, list[str]]) -> str:
    """sha256 of all that a result can depend on.

    Args:
        digests: sha256 of the sound of each recording, in order.
        arrays: the columns, (N,) each.
        names: the name lists.
    """
    digest = hashlib.sha256("".join(digests).encode())
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(arrays[name].astype("<i8").tobytes())
    digest.update(json.dumps(names, sort_keys=True, ensure_ascii=False).encode())
    return digest.hexdigest()


if __name__ == "__main__":
    raise SystemExit(recipe.run(describe))
