"""Command: say what is in a prepared data set, and check that it is what was written.

    python -m tinyasc.verify --data FILE.h5

Shapes: N clips of the file.
"""

import hashlib
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tinyasc import recipe
from tinyasc.clips import SPLITS, Clips, checksum
from tinyasc.errors import UserError

COLUMNS = ("label", "device", "city", "recording", "split", "length", "joined", "source_rate", "whole")


def describe(data: Path) -> None:
    """Say what is in a prepared data set, and check that it is what was written.

    Args:
        data: prepared data set (.h5).
    """
    with Clips(data) as clips:
        rates = " and ".join(f"{rate:,}" for rate in np.unique(clips.source_rate))
        print(f"{data}: {clips.source}")
        print(
            f"  {len(clips):,} clips of {clips.samples:,} samples at {clips.sample_rate:,} Hz; recorded at {rates} Hz"
        )
        print(f"  {len(clips.recordings):,} recordings, {clips.whole.sum():,} of them whole")
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
    columns = {name: getattr(clips, name) for name in COLUMNS}
    columns |= {f"subset/{name}": members for name, members in clips.subsets.items()}
    names = {"label": clips.labels, "device": clips.devices, "city": clips.cities, "recording": clips.recordings}
    names |= {"split": list(SPLITS), "subset": sorted(clips.subsets)}
    tables_hold = checksum(clips.sample_rate, clips.digests, columns, names, clips.files) == clips.checksum
    ends = np.append(np.flatnonzero(np.diff(clips.recording)) + 1, len(clips))
    if not tables_hold or len(ends) != len(clips.digests) or clips.row.min() < 0 or clips.row.max() >= len(clips.pcm):
        raise UserError(f"{clips.path}: its tables are damaged: prepare it again")
    parts = zip(np.append(0, ends[:-1]), ends, clips.digests, strict=True)
    wrong = [
        clips.recordings[clips.recording[begin]]
        for begin, end, stored in tqdm(parts, "verifying", len(ends), unit=" recordings", leave=False, mininterval=0.5)
        if hashlib.sha256(clips.pcm[clips.row[begin:end]].data).hexdigest() != stored
    ]
    if wrong:
        raise UserError(
            f"{clips.path}: the sound of {len(wrong)} recordings is damaged, first {wrong[0]}: prepare it again"
        )


if __name__ == "__main__":
    raise SystemExit(recipe.run(describe))
