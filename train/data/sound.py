"""The sound of a training run: on disk, read ahead of its use, or all of it on the device that trains.

TAU's training split is 9 GB of int16: a GPU that has the room is given it once and cuts the windows itself, so that no
processor stands between it and its work.

Shapes: B clips of a batch, S samples of a clip, R rows of the prepared file.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from tinyasc.clips import FULL_SCALE, Clips

SHARE = 0.7
"""Part of a GPU's free memory that the sound may take; the rest is for training."""
UPLOAD = 4096
"""Clips that are sent at a time."""


def send(values: Tensor, device: torch.device) -> Tensor:
    """`values` on `device`, without waiting for the work that is queued there: a GPU fetches from pinned memory."""
    if device.type == "cuda" and values.device.type == "cpu":
        values = values.pin_memory()
    return values.to(device, non_blocking=True)


class SoundSource(Protocol):
    """Where the windows of a data set are read."""

    def prepare(self) -> None:
        """Read what is kept for all batches to come."""

    def read(self, starts: list[np.ndarray]) -> Iterator[Tensor]:
        """Read windows batch by batch, from their starts int64 (B,): float32 (B, S) in [-1, 1) on the device."""
        ...


def sound_source(clips: Clips, indices: np.ndarray, device: torch.device) -> SoundSource:
    """The fastest source of the clips `indices` int64 (n,) that there is room for on `device`."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        needed = 2 * len(indices) * clips.samples
        if needed <= SHARE * free:
            return DeviceSound(clips, indices, device)
        tqdm.write(f"sound is read from disk: it takes {needed / 1e9:.1f} GB, the GPU has {free / 1e9:.1f} GB free")
    return DiskSound(clips, device)


class DiskSound:
    """Read from the memory-mapped file, one batch ahead."""

    def __init__(self, clips: Clips, device: torch.device) -> None:
        self.clips, self.device = clips, device

    def prepare(self) -> None:
        """See `SoundSource`: nothing is kept."""

    def read(self, starts: list[np.ndarray]) -> Iterator[Tensor]:
        with ThreadPoolExecutor(1) as reader:
            pending = [reader.submit(self._read_pcm, batch) for batch in starts[:1]]
            for following in [*starts[1:], None][: len(starts)]:
                sound = pending.pop().result()
                if following is not None:
                    pending.append(reader.submit(self._read_pcm, following))
                yield send(sound, self.device) * FULL_SCALE.item()

    def _read_pcm(self, starts: np.ndarray) -> Tensor:
        """int16 (B, S), which is half as much to send."""
        sound = torch.from_numpy(self.clips.pcm_windows(starts))
        return sound.pin_memory() if self.device.type == "cuda" else sound


class DeviceSound:
    """All of it in the memory of the device, int16, from the first batch on."""

    def __init__(self, clips: Clips, indices: np.ndarray, device: torch.device) -> None:
        self.clips, self.device = clips, device
        self._rows = np.unique(clips.row[indices])  # ascending: neighbours in the file stay neighbours
        self._sound: Tensor | None = None  # (R S,)

    def prepare(self) -> None:
        """See `SoundSource`: all of the sound."""
        if self._sound is None:
            self._sound = self._uploaded()

    def read(self, starts: list[np.ndarray]) -> Iterator[Tensor]:
        samples = self.clips.samples
        self.prepare()
        assert self._sound is not None
        every_window = self._sound.unfold(0, samples, 1)  # (R S - S + 1, S), a view
        for batch in starts:
            rows, offsets = np.divmod(batch, samples)
            local = torch.from_numpy(np.searchsorted(self._rows, rows) * samples + offsets)
            yield every_window[send(local, self.device)] * FULL_SCALE.item()

    def _uploaded(self) -> Tensor:
        sound = torch.empty((len(self._rows), self.clips.samples), dtype=torch.int16, device=self.device)
        parts = range(0, len(self._rows), UPLOAD)
        for begin in tqdm(parts, f"sound to {self.device.type}", unit="block", leave=False):
            rows = self._rows[begin : begin + UPLOAD]
            sound[begin : begin + UPLOAD] = torch.from_numpy(self.clips.pcm[rows]).to(self.device)
        return sound.view(-1)
