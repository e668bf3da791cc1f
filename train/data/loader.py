"""Batches for training: windows of sound, changed at random, through the front end; all from seed and epoch alone.

Shapes: B clips of a batch, n examples of an epoch, S samples, F mel bands, T frames.
"""

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
from train.data.augment import Augmentation
from train.data.augmentations.mixup import Mix
from train.data.send import send
from train.data.slicing import Slicing
from train.data.sound_source import DiskSound, sound_source
from train.data.validation import hold_out


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


def divided(clips: Clips, examples: ExamplesConfig, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The clips that a run trains on, and those it holds out: int64 (n,) each, ascending.

    Args:
        clips: the data set.
        examples: which of its clips.
        seed: of what is held out.

    Raises:
        UserError: there are no such clips, they have no labels, or none can be held out.
    """
    indices = clips.labelled(examples.subset)
    held = hold_out(clips, indices, examples.validation, seed)
    return np.setdiff1d(indices, held, assume_unique=True), held


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
        augmentation: Augmentation,
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
            augmentation: the random changes, which also know the front end.
            batch_size: clips a step, of all its shares together; the last one of an epoch may have fewer.
            seed: of order and windows, and of what is held out.
            device: where the batches are wanted and everything is computed.
            keep_waveform: each batch also brings its sound as it was before any change, e.g. for a teacher to hear.
            parts: batches that one process computes for a step.
            processes: how many share every step.

        Raises:
            UserError: there are no such clips, they have no labels, they cannot be shared out, or sound is to be kept
                that the cache never reads.
        """
        if keep_waveform and examples.cache:
            raise UserError("cache keeps spectrograms, and this training needs the sound as well: take cache false")
        indices, held = divided(clips, examples, seed)
        self.validation = held
        """int64 (n,): the clips that are held out."""
        self.clips, self.batch_size, self.device = clips, batch_size, device
        self.augmentation, self.cache, self.keep_waveform = augmentation, examples.cache, keep_waveform
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
        self.front_end = front_end(augmentation.front_end).to(device)
        # What is kept as features is read once.
        self._source = DiskSound(clips, device) if examples.cache else sound_source(clips, indices, device)
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

    def prepare(self) -> None:
        """Read what is kept through all epochs, features or sound on the GPU, if that has not happened yet."""
        if not self.cache:
            self._source.prepare()
        elif self._kept is None:
            starts = np.array_split(self.clips.starts(self.slicing.indices), max(1, len(self.slicing.indices) // 64))
            bar = tqdm(self._source.windows(starts), "features", len(starts), leave=False)
            self._kept = torch.cat([self.front_end(waveform).cpu() for waveform in bar])

    def step_clips(self, epoch: int, step: int) -> np.ndarray:
        """Numbers of all clips of one step, of all its shares: int64 (n,)."""
        return self.slicing.epoch(epoch).index[step * self.batch_size :][: self._sizes()[step]]

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[Batch]:
        """The batches of epoch number `epoch`, from 0, that this process computes: `parts` for each step.

        Nothing random is drawn before a batch is asked for, so one may begin amid an epoch with torch's random state
        as it was there.

        Args:
            epoch: its number.
            first_step: the steps before it are left out.
        """
        self.prepare()
        drawn = self.slicing.epoch(epoch)
        places = self._places(first_step)
        indices, starts = ([column[place] for place in places] for column in (drawn.index, drawn.start))
        computed = self._cached(indices) if self.cache else self._computed(starts, indices)
        for index, (unchanged, waveform) in zip(indices, computed, strict=True):
            features, mix = self.augmentation.features(unchanged)
            columns = (self.clips.label[index], index, self.clips.device[index])
            label, number, device = (send(torch.from_numpy(column), self.device) for column in columns)
            yield Batch(features, label, number, device, waveform, mix)

    def _places(self, first_step: int) -> list[slice]:
        """Where in the order of an epoch the batches of this process lie."""
        places = []
        for step, size in enumerate(self._sizes()):
            share = size // self._shares
            for part in range(self._parts if step >= first_step else 0):
                begin = step * self.batch_size + (self.process * self._parts + part) * share
                places.append(slice(begin, begin + share))
        return places

    def _computed(self, starts: list[np.ndarray], indices: list[np.ndarray]) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Features of windows, the sound changed at random before, and the sound as it was, if it is to be kept."""
        for waveform, index in zip(self._source.windows(starts), indices, strict=True):
            device = torch.from_numpy(self.clips.device[index])
            changed = self.augmentation.waveform(waveform, device)
            yield self.front_end(changed, self.augmentation.edges()), waveform if self.keep_waveform else None

    def _cached(self, indices: list[np.ndarray]) -> Iterator[tuple[Tensor, None]]:
        assert self._kept is not None
        for index in indices:
            places = torch.from_numpy(np.searchsorted(self.slicing.indices, index))
            yield send(self._kept[places], self.device), None
