"""Reader of a prepared data set (`tinyasc.prepare`). NumPy and h5py, no torch.

The sound is kept once and read in two ways: as clips of equal length, and, of the unbroken recordings that they are
pieces of, in windows that begin anywhere.

Format 2: datasets `pcm` int16 (rows, S), contiguous; `row` (N,), where each clip is in it; `label` (-1: unknown),
`device`, `city`, `recording` (N,), indices into the lists `names/...`; `split` (0 train, 1 test, 2 neither); `length`
(N,), samples before the padding; `joined` (N,), whether a clip goes on where the one before it ends; `subset/NAME`
(N,), 1 for its members; `source_rate` (N,), Hz; `file` (N,); `whole` (R,), whether no piece of a recording is missing;
`digest`, sha256 of the sound of each recording. Attributes: format, sample_rate, source, versions, checksum.

Shapes: N clips in the file, R recordings, n clips asked for, S samples of a clip.
"""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tinyasc.dcase import TauName
from tinyasc.errors import UserError

FORMAT = 2
SPLITS = ("train", "test", "neither")
FULL_SCALE = np.float32(2.0**-15)


class Clips:
    """One prepared file: the indices in memory, the sound on disk. Processes may share it, forked or sent."""

    def __init__(self, path: Path | str) -> None:
        """Opens the file.

        Raises:
            UserError: it is missing, no prepared file, or of another format.
        """
        self.path = Path(path)
        if self.path.is_dir():
            raise UserError(f"{path} is a folder: give the prepared file (.h5)")
        if not self.path.is_file():
            raise UserError(
                f"{path} is missing: make it with `make data`, or python -m tinyasc.prepare --root DIR --out FILE.h5"
            )
        try:
            with h5py.File(self.path) as file:
                self._load(file)
        except (OSError, KeyError) as error:
            raise UserError(
                f"{path} is not a prepared data set ({error}): make it again with tinyasc.prepare"
            ) from None

    def _load(self, file: h5py.File) -> None:
        attributes: dict[str, Any] = dict(file.attrs)
        pcm = _dataset(file, "pcm")
        if attributes["format"] != FORMAT or pcm.id.get_offset() is None:
            raise UserError(f"{self.path} has another format than {FORMAT}: make it again with tinyasc.prepare")
        self.sample_rate = int(attributes["sample_rate"])
        """Samples per second, Hz."""

        def names(of: str) -> list[str]:
            return list(_dataset(file, f"names/{of}").asstr()[:])

        def column(name: str) -> np.ndarray:
            return _dataset(file, name)[:].astype(np.int64)

        self.labels = names("label")
        """Class names; none in a set without labels."""
        self.devices, self.cities, self.recordings = names("device"), names("city"), names("recording")
        self.checksum = str(attributes["checksum"])
        """sha256 of all sound, indices and names (`checksum`)."""
        self.source = str(attributes["source"])
        """Name of the folder that the clips were prepared from."""
        self.versions: dict[str, str] = json.loads(attributes["versions"])
        """Of the packages that prepared them."""
        self.label, self.device, self.city = column("label"), column("device"), column("city")  # (N,), as all below
        self.recording, self.split = column("recording"), column("split")
        self.length, self.joined, self.row = column("length"), column("joined"), column("row")
        self.source_rate = column("source_rate")
        self.whole = column("whole")  # (R,)
        self.files: list[str] = list(_dataset(file, "file").asstr()[:])
        self.subsets = {name: column(f"subset/{name}") for name in names("subset")}
        """Named subsets of the training split: 1 for each clip that belongs to one."""
        self.digests: list[str] = [digest.tobytes().hex() for digest in _dataset(file, "digest")[:]]
        """sha256 of the sound of each recording, in the order of the clips."""
        # A plain memory map reads scattered clips far faster than HDF5 selections do, and survives a fork.
        mapped = np.memmap(self.path, "<i2", "r", offset=pcm.id.get_offset(), shape=pcm.shape)
        self.pcm = mapped.view(np.ndarray)
        """All sound as it is stored, int16 (rows, S), read from disk where it is touched."""

    def __reduce__(self) -> tuple[type, tuple[Path]]:
        return Clips, (self.path,)  # another process opens the file anew instead of being sent all of its sound

    def __len__(self) -> int:
        return len(self.label)

    @property
    def samples(self) -> int:
        """Length of every clip, samples."""
        return self.pcm.shape[1]

    def indices(self, name: str) -> np.ndarray:
        """The clips of a split ("train", "test", "neither") or of a named subset: int64 (n,), ascending.

        Raises:
            UserError: the file has no such split or subset.
        """
        if name in SPLITS:
            return np.flatnonzero(self.split == SPLITS.index(name))
        if name not in self.subsets:
            known = ", ".join([*SPLITS, *self.subsets])
            raise UserError(f"{self.path} has no subset {name}: choose from {known}, or prepare it with --subsets")
        return np.flatnonzero(self.subsets[name])

    def labelled(self, name: str) -> np.ndarray:
        """The clips of a split or subset that a model is to be trained or scored on: `indices`, and a label for each.

        Raises:
            UserError: there are none, or they have no labels.
        """
        indices = self.indices(name)
        if not len(indices):
            raise UserError(f"{self.path} has no {name} clips: prepare it from a folder with evaluation_setup/")
        if (self.label[indices] < 0).any():
            raise UserError(f"{self.path} has no labels for its {name} clips: prepare a folder whose meta.csv has them")
        return indices

    def waveform(self, indices: np.ndarray | slice) -> np.ndarray:
        """The sound of some clips, in the order asked for: float32 (n, S) in [-1, 1)."""
        rows = self.row[indices]
        if len(rows) and (np.diff(rows) == 1).all():  # neighbours are read as one block, without a copy in between
            return self.pcm[rows[0] : rows[-1] + 1] * FULL_SCALE
        return self.pcm[rows] * FULL_SCALE

    def starts(self, indices: np.ndarray) -> np.ndarray:
        """Where some clips begin in the unbroken sound of the file (`windows`), samples: int64 (n,)."""
        return self.row[indices] * self.samples

    def window_range(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where a window of S samples may begin without leaving the recording that a clip is a piece of.

        Args:
            indices: int64 (n,), ascending; no window reaches into a clip that is not among them.

        Returns:
            First and last begin, samples of `windows`: int64 (n,) each; equal where there is no choice.
        """
        follows = (self.joined[indices] > 0) & (np.diff(indices, prepend=-2) == 1)
        of = np.cumsum(~follows) - 1  # (n,) number of the stretch that each clip belongs to
        first = self.starts(indices)[~follows]  # one each stretch, as the next
        length = np.bincount(of, weights=self.length[indices]).astype(np.int64)
        last = first + np.maximum(0, length - self.samples)
        return first[of], last[of]

    def windows(self, starts: np.ndarray) -> np.ndarray:
        """Windows of the unbroken sound: float32 (n, S) in [-1, 1), S samples from each start on."""
        return self.pcm_windows(starts) * FULL_SCALE

    def pcm_windows(self, starts: np.ndarray) -> np.ndarray:
        """The same as it is stored: int16 (n, S)."""
        flat = self.pcm.reshape(-1)
        found = np.empty((len(starts), self.samples), np.int16)
        for place, start in zip(found, starts, strict=True):
            place[:] = flat[start : start + self.samples]
        return found

    @cached_property
    def moment(self) -> np.ndarray:
        """What was recorded at one time and place, as a number that is equal for it: int64 (N,).

        TAU has the same ten seconds by several devices, real and simulated, so their recordings are one moment. A file
        whose name is no TAU name tells nothing of others: its recording is a moment of its own.
        """
        occurs, first = np.unique(self.recording, return_index=True)
        parsed = [TauName.parse(self.files[clip]) for clip in first]
        names = [
            self.recordings[one] if name is None else name.moment for one, name in zip(occurs, parsed, strict=True)
        ]
        _, of = np.unique(names, return_inverse=True)
        return of[np.searchsorted(occurs, self.recording)]

    def devices_of(self, name: str) -> list[str]:
        """Names of the devices that occur in a split or subset."""
        return [self.devices[device] for device in np.unique(self.device[self.indices(name)])]

    @property
    def train_devices(self) -> list[str]:
        """Names of the devices that occur in the training split."""
        return self.devices_of("train")

    def close(self) -> None:
        """Gives the file back; the indices stay, the sound cannot be read any more."""
        self.pcm = self.pcm[:0]

    def __enter__(self) -> "Clips":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def checksum(
    sample_rate: int, digests: list[str], columns: dict[str, np.ndarray], names: dict[str, list[str]], files: list[str]
) -> str:
    """sha256 of all that a result can depend on.

    Args:
        sample_rate: of the clips, Hz.
        digests: sha256 of the sound of each recording, in the order of the clips.
        columns: every dataset of integers but `pcm` and `row`.
        names: the lists of names.
        files: the path of each clip's file, (N,).
    """
    digest = hashlib.sha256(json.dumps([sample_rate, digests]).encode())
    for name in sorted(columns):
        digest.update(name.encode())
        digest.update(columns[name].astype("<i8").tobytes())
    digest.update(json.dumps([names, files], sort_keys=True, ensure_ascii=False).encode())
    return digest.hexdigest()


def _dataset(file: h5py.File, name: str) -> h5py.Dataset:
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset):
        raise KeyError(f"{name} is no dataset")
    return dataset
