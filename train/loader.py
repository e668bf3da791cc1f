"""Batches of log-mel spectrograms from a prepared data set, shuffled by seed and epoch alone.

Shapes: B clips of a batch, n clips of the split, S samples, F mel bands, T frames.
"""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from tinyasc.clips import Clips
from tinyasc.mel import MelConfig
from tinyasc.mel_torch import LogMel


@dataclass(frozen=True)
class Batch:
    """Some clips, on the device that trains."""

    log_mel: Tensor
    """(B, 1, F, T) float32."""
    label: Tensor
    """(B,) int64."""
    index: Tensor
    """(B,) int64: the clips' numbers in the data set."""


class Batches:
    """The clips `indices` of a data set, in batches; every epoch has an order of its own that follows from the seed."""

    def __init__(
        self,
        clips: Clips,
        indices: np.ndarray,
        mel: MelConfig,
        *,
        batch_size: int,
        seed: int,
        device: torch.device,
        cache: bool = False,
    ) -> None:
        """Nothing is read yet.

        Args:
            clips: the data set.
            indices: int64 (n,), the clips to use.
            mel: settings of the spectrogram.
            batch_size: clips a batch; the last one of an epoch may have fewer.
            seed: of the order.
            device: where the batches are wanted and the spectrograms computed.
            cache: compute all spectrograms once, at the first epoch, and keep them in memory (4 F T bytes a clip).
        """
        self.clips, self.indices, self.batch_size, self.seed, self.device = clips, indices, batch_size, seed, device
        self.log_mel = LogMel(mel).to(device)
        self.cache = cache
        self._kept: Tensor | None = None  # (n, 1, F, T) on the CPU

    def __len__(self) -> int:
        return math.ceil(len(self.indices) / self.batch_size)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of epoch number `epoch`, from 0."""
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.indices))  # positions in `indices`
        parts = np.array_split(order, range(self.batch_size, len(order), self.batch_size))
        spectrograms = self._cached(parts) if self.cache else self._computed([self.indices[part] for part in parts])
        for part, log_mel in zip(parts, spectrograms, strict=True):
            index = self.indices[part]
            label = torch.from_numpy(self.clips.label[index])
            yield Batch(log_mel, label.to(self.device), torch.from_numpy(index).to(self.device))

    def _cached(self, parts: list[np.ndarray]) -> Iterator[Tensor]:
        if self._kept is None:
            chunks = np.array_split(self.indices, max(1, len(self.indices) // 64))
            bar = tqdm(self._computed(chunks), "spectrograms", len(chunks), leave=False)
            self._kept = torch.cat([log_mel.cpu() for log_mel in bar])
        for part in parts:
            yield self._kept[torch.from_numpy(part)].to(self.device)

    def _computed(self, parts: list[np.ndarray]) -> Iterator[Tensor]:
        with ThreadPoolExecutor(1) as reader:  # reads the next batch while this one trains
            pending = reader.submit(self.clips.waveform, parts[0])
            for following in [*parts[1:], None]:
                waveform = pending.result()
                if following is not None:
                    pending = reader.submit(self.clips.waveform, following)
                yield self.log_mel(torch.from_numpy(waveform).to(self.device))
