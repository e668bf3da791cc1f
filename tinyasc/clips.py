"""Reader of a prepared data set (`tinyasc.prepare`). NumPy and h5py, no torch.

Format 1: datasets `pcm` int16 (N, samples), contiguous; `label`, `device`, `city`, `recording` (N,), indices into the
name lists; `split` int8 (0 train, 1 test, 2 neither); `file` (N,); `recordings`, the one name list that grows with N.
Attributes: format, sample_rate, labels, devices, cities, splits, source, checksum.

Shapes: N clips in the file, n clips asked for.
"""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tinyasc.errors import UserError

FORMAT = 1
SPLITS = ("train", "test", "neither")


class Clips:
    """One prepared file: the indices in memory, the sound on disk. Safe to share between processes."""

    def __init__(self, path: Path | str) -> None:
        """Opens the file.

        Raises:
            UserError: it is missing, no prepared file, or of another format.
        """
        self.path = Path(path)
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
        self.labels: list[str] = list(attributes["labels"])
        self.devices: list[str] = list(attributes["devices"])
        self.cities: list[str] = list(attributes["cities"])
        self.recordings: list[str] = list(_dataset(file, "recordings").asstr()[:])
        self.checksum = str(attributes["checksum"])
        """sha256 of all sound, indices and names."""
        self.source = str(attributes["source"])
        """Name of the folder that the clips were prepared from."""
        self.label = _dataset(file, "label")[:].astype(np.int64)  # (N,), as the next four
        self.device = _dataset(file, "device")[:].astype(np.int64)
        self.city = _dataset(file, "city")[:].astype(np.int64)
        self.recording = _dataset(file, "recording")[:].astype(np.int64)
        self.split = _dataset(file, "split")[:].astype(np.int64)
        self.files: list[str] = list(_dataset(file, "file").asstr()[:])
        # A plain memory map reads scattered clips far faster than HDF5 selections do, and survives a fork.
        self._pcm = np.memmap(self.path, "<i2", "r", offset=pcm.id.get_offset(), shape=pcm.shape)

    def __len__(self) -> int:
        return len(self.label)

    @property
    def samples(self) -> int:
        """Length of every clip, samples."""
        return self._pcm.shape[1]

    def indices(self, split: str) -> np.ndarray:
        """The clips of one split, "train", "test" or "neither": int64 (n,), ascending."""
        return np.flatnonzero(self.split == SPLITS.index(split))

    def waveform(self, indices: np.ndarray) -> np.ndarray:
        """The sound of some clips, in the order asked for: float32 (n, samples) in [-1, 1)."""
        return self._pcm[indices].astype(np.float32) * np.float32(2**-15)

    @property
    def train_devices(self) -> list[str]:
        """Names of the devices that occur in training."""
        return [self.devices[device] for device in np.unique(self.device[self.indices("train")])]

    def close(self) -> None:
        """Gives the file back; the indices stay, the sound cannot be read any more."""
        self._pcm = self._pcm[:0]

    def __enter__(self) -> "Clips":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _dataset(file: h5py.File, name: str) -> h5py.Dataset:
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset):
        raise KeyError(f"{name} is no dataset")
    return dataset
