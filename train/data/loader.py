"""Batches for training: the way of a clip from the prepared file to the network, step by step in `Batches.epoch`.

What a batch holds follows from seed and epoch alone. The sound is on disk, read ahead of its use, or all of it on the
device that trains: TAU's training split is 9 GB of int16, and a GPU that has the room is given it once and cuts the
windows itself, so that no processor stands between it and its work.

Shapes: B clips of a batch, n examples of an epoch, S samples, F mel bands, T frames, R rows of the prepared file.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from tinyasc.clips import FULL_SCALE, Clips
from tinyasc.errors import UserError
from tinyasc.mel_torch import front_end
from train.data.augment import Augmenter
from train.data.augmentations import Mix
from train.data.selection import ExamplesConfig, Slicing, train_val_split

SHARE = 0.7
"""Part of a GPU's free memory that the sound may take; the rest is for training."""
UPLOAD = 4096
"""Clips that are sent at a time."""


class Batch(NamedTuple):
    """Some clips, changed at random, on the device that trains."""

    features: Tensor
    """(B, 1, F, T) float32: spectrograms, or (B, 1, 1, S) waveforms."""
    label: Tensor
    """(B,) int64."""
    index: Tensor
    """(B,) int64: the clips' numbers in the data set."""
    device: Tensor
    """(B,) int64: the devices that recorded them, numbers in `Clips.devices`."""
    waveform: Tensor | None = None
    """(B, S) float32: the same windows of sound before any change, where `Batches` was told to keep them."""
    mix: Mix = Mix()
    """How the features were mixed; their targets have to be mixed alike."""


class Batches:
    """Clips of a data set, in batches; every epoch has an order of its own that follows from the seed.

    The clips of a step may be shared out: among processes, and in parts that one process computes one after the other.
    All shares are of one size, for which a step's last few clips are left out where they do not go round.
    """

    def __init__(
        self,
        clips: Clips,
        examples: ExamplesConfig,
        augmenter: Augmenter,
        *,
        batch_size: int,
        seed: int,
        device: torch.device,
        keep_waveform: bool = False,
        parts: int = 1,
        processes: int = 1,
    ) -> None:
        """Nothing is read yet.

        Args:
            clips: the data set.
            examples: which of its clips, and how.
            augmenter: the random changes, which also know the front end.
            batch_size: clips a step, of all its shares together; the last one of an epoch may have fewer.
            seed: of order and windows, and of what is held out.
            device: where the batches are wanted and everything is computed.
            keep_waveform: each batch also brings its sound as it was before any change, e.g. for a teacher to hear.
            parts: batches that one process computes for a step.
            processes: how many share every step.

        Raises:
            UserError: such clips, labels or shares do not exist, or sound is to be kept that the cache never reads.
        """
        if keep_waveform and examples.cache:
            raise UserError("cache keeps spectrograms, and this training needs the sound as well: take cache false")
        indices, held_out = train_val_split(clips, examples, seed)
        self.validation = held_out
        """int64 (n,): the clips that are held out."""
        self.clips, self.batch_size, self.device = clips, batch_size, device
        self.augmenter, self.cache, self.keep_waveform = augmenter, examples.cache, keep_waveform
        self.slicing = Slicing(clips, indices, examples.windows_per_recording, seed)
        self.process = 0
        """Number of this process, from 0; to be set where there are more."""
        self._parts, self._shares = parts, parts * processes
        if len(self.slicing) < self._shares:
            raise UserError(
                f"fit: an epoch has {len(self.slicing)} clips, fewer than the {self._shares} parts of a step "
                f"(accumulate {parts} on {processes} devices): take a smaller accumulate or fewer devices"
            )
        if batch_size % self._shares:
            raise UserError(
                f"fit: {batch_size} clips a step are to be shared out alike among {processes} "
                f"devices in {parts} parts: take a batch_size that {self._shares} divides"
            )
        self.front_end = front_end(augmenter.front_end).to(device)
        # What is kept as features is read once.
        self._sound = DiskSound(clips, device) if examples.cache else sound_source(clips, indices, device)
        self._kept: Tensor | None = None  # (n, 1, F, T) on the CPU

    def __len__(self) -> int:
        """Steps an epoch."""
        return len(self._sizes())

    @property
    def clips_per_epoch(self) -> int:
        """Clips of all steps and shares."""
        return sum(self._sizes())

    def _sizes(self) -> list[int]:
        """Clips of each step, of all its shares together."""
        whole, rest = divmod(len(self.slicing), self.batch_size)
        rest -= rest % self._shares
        return [self.batch_size] * whole + [rest] * (rest > 0)

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[Batch]:
        """Compute the batches of epoch number `epoch`, from 0, that are this process's: `parts` for each step.

        Nothing random is drawn before a batch is asked for, so one may begin at `first_step`, amid an epoch, with
        torch's random state as it was there.
        """
        self.prepare()
        windows = self.slicing.epoch(epoch)  # which clips, where their windows begin, in the epoch's order
        places = self._places(first_step)
        indices, starts = [windows.index[place] for place in places], [windows.start[place] for place in places]
        computed = self._kept_features(indices) if self.cache else self._features(indices, starts)
        for index, (unchanged, waveform) in zip(indices, computed, strict=True):
            features, mix = self.augmenter.features(unchanged)
            columns = (self.clips.label[index], index, self.clips.device[index])
            label, number, device = (send(torch.from_numpy(column), self.device) for column in columns)
            yield Batch(features, label, number, device, waveform, mix)

    def _features(self, indices: list[np.ndarray], starts: list[np.ndarray]) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Read windows, change their sound, compute the features; and the sound as it was, where it is kept."""
        for index, waveform in zip(indices, self._sound.read(starts), strict=True):
            changed = self.augmenter.waveform(waveform, torch.from_numpy(self.clips.device[index]))
            yield self.front_end(changed, self.augmenter.edges()), waveform if self.keep_waveform else None

    def _kept_features(self, indices: list[np.ndarray]) -> Iterator[tuple[Tensor, None]]:
        """Send features that were computed once."""
        assert self._kept is not None
        for index in indices:
            places = torch.from_numpy(np.searchsorted(self.slicing.indices, index))
            yield send(self._kept[places], self.device), None

    def prepare(self) -> None:
        """Read what is kept through all epochs, features or sound on the GPU, if that has not happened yet."""
        if not self.cache:
            self._sound.prepare()
        elif self._kept is None:
            starts = np.array_split(self.clips.starts(self.slicing.indices), max(1, len(self.slicing.indices) // 64))
            bar = tqdm(self._sound.read(starts), "features", len(starts), leave=False)
            self._kept = torch.cat([self.front_end(waveform).cpu() for waveform in bar])

    def step_clips(self, epoch: int, step: int) -> np.ndarray:
        """Numbers of all clips of one step, of all its shares: int64 (n,)."""
        return self.slicing.epoch(epoch).index[step * self.batch_size :][: self._sizes()[step]]

    def _places(self, first_step: int) -> list[slice]:
        """Where in the order of an epoch the batches of this process lie."""
        places = []
        for step, size in enumerate(self._sizes()):
            share = size // self._shares
            for part in range(self._parts if step >= first_step else 0):
                begin = step * self.batch_size + (self.process * self._parts + part) * share
                places.append(slice(begin, begin + share))
        return places


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
