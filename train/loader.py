"""Batches for training: windows of sound, changed at random, through the front end; all from seed and epoch alone.

Shapes: B clips of a batch, n examples of an epoch, S samples, F mel bands, T frames.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.mel_torch import front_end
from train.augment import Augmentation
from train.augmentations.mixup import Mix
from train.slicing import Slicing
from train.sound_source import DiskSound, sound_source


@dataclass(frozen=True)
class ExamplesConfig:
    """What of a data set the epochs of a run consist of."""

    subset: str = "train"
    """The clips: train, or a subset that the data set names, e.g. split25 of DCASE 2024."""
    windows_per_recording: int = 0
    """Random slicing: windows that are drawn of each recording in an epoch; 0: every one-second piece once. CP-JKU's
    2022 student: 1 of each ten seconds."""
    cache: bool = False
    """Compute the features of all clips once and keep them in memory (4 F T bytes a clip)."""
    validation: float = 0.0
    """Share of the recording places of each scene (city and location) whose clips are held out, to score every epoch
    on them; 0: none. The published recipes train on all clips."""

    def __post_init__(self) -> None:
        if self.subset in ("test", "neither"):
            raise UserError(f"subset is {self.subset}: train on train, or on a subset of it that the data set names")
        if self.windows_per_recording < 0:
            raise UserError(f"windows_per_recording is {self.windows_per_recording}: take 0 (fixed pieces) or more")
        if self.cache and self.windows_per_recording:
            raise UserError("cache keeps the spectrograms of fixed pieces: take windows_per_recording 0 or cache false")
        if not 0 <= self.validation < 1:
            raise UserError(f"validation is {self.validation}: take a share of the places, 0 (none) or more, below 1")


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
    """Clips of a data set, in batches; every epoch has an order of its own that follows from the seed."""

    def __init__(
        self,
        clips: Clips,
        examples: ExamplesConfig,
        augmentation: Augmentation,
        *,
        batch_size: int,
        seed: int,
        device: torch.device,
        keep_waveform: bool = False,
    ) -> None:
        """Nothing is read yet.

        Args:
            clips: the data set.
            examples: which of its clips, and how.
            augmentation: the random changes, which also know the front end.
            batch_size: clips a batch; the last one of an epoch may have fewer.
            seed: of order and windows.
            device: where the batches are wanted and everything is computed.
            keep_waveform: each batch also brings its sound as it was before any change, e.g. for a teacher to hear.

        Raises:
            UserError: there are no such clips, they have no labels, or sound is to be kept that the cache never reads.
        """
        if keep_waveform and examples.cache:
            raise UserError("cache keeps spectrograms, and this training needs the sound as well: take cache false")
        indices = clips.labelled(examples.subset)
        self.clips, self.batch_size, self.device = clips, batch_size, device
        self.augmentation, self.cache, self.keep_waveform = augmentation, examples.cache, keep_waveform
        self.slicing = Slicing(clips, indices, examples.windows_per_recording, seed)
        self.front_end = front_end(augmentation.front_end).to(device)
        # What is kept as features is read once.
        self._source = DiskSound(clips, device) if examples.cache else sound_source(clips, indices, device)
        self._kept: Tensor | None = None  # (n, 1, F, T) on the CPU

    def __len__(self) -> int:
        return math.ceil(len(self.slicing) / self.batch_size)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of epoch number `epoch`, from 0."""
        drawn = self.slicing.epoch(epoch)
        cuts = range(self.batch_size, len(self.slicing), self.batch_size)
        indices, starts = np.split(drawn.index, cuts), np.split(drawn.start, cuts)
        computed = self._cached(indices) if self.cache else self._computed(starts, indices)
        for index, (unchanged, waveform) in zip(indices, computed, strict=True):
            features, mix = self.augmentation.features(unchanged)
            columns = (self.clips.label[index], index, self.clips.device[index])
            label, number, device = (torch.from_numpy(part).to(self.device, non_blocking=True) for part in columns)
            yield Batch(features, label, number, device, waveform, mix)

    def _computed(self, starts: list[np.ndarray], indices: list[np.ndarray]) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Features of windows, the sound changed at random before, and the sound as it was, if it is to be kept."""
        for waveform, index in zip(self._source.windows(starts), indices, strict=True):
            device = torch.from_numpy(self.clips.device[index])
            changed = self.augmentation.waveform(waveform, device)
            yield self.front_end(changed, self.augmentation.edges()), waveform if self.keep_waveform else None

    def _cached(self, parts: list[np.ndarray]) -> Iterator[tuple[Tensor, None]]:
        indices = self.slicing.indices
        if self._kept is None:
            starts = np.array_split(self.clips.starts(indices), max(1, len(indices) // 64))
            bar = tqdm(self._source.windows(starts), "features", len(starts), leave=False)
            self._kept = torch.cat([self.front_end(waveform).cpu() for waveform in bar])
        for part in parts:
            places = torch.from_numpy(np.searchsorted(indices, part))
            yield self._kept[places].to(self.device, non_blocking=True), None
