"""Which sound an epoch trains on: the fixed one-second pieces, or windows that begin anywhere in their recordings.

Random slicing sees ten-second recordings at every offset instead of ten. Source: CP-JKU's submission to DCASE 2022
Task 1 (Schmid et al., 2022).

Shapes: n examples of an epoch.
"""

from dataclasses import dataclass

import numpy as np

from tinyasc.clips import Clips


@dataclass(frozen=True)
class Epoch:
    """The examples of one epoch, in their order."""

    index: np.ndarray
    """int64 (n,): the clip whose label and device hold; for a window the one that it has most of."""
    start: np.ndarray
    """int64 (n,): where its sound begins (`Clips.windows`)."""


class Slicing:
    """The clips `indices` of a data set, one epoch after the other, all from the seed."""

    def __init__(self, clips: Clips, indices: np.ndarray, windows_per_recording: int, seed: int) -> None:
        """Nothing is read.

        Args:
            clips: the data set.
            indices: int64 (n,), ascending: the clips to use.
            windows_per_recording: random windows of each unbroken recording in an epoch; 0: every clip once.
            seed: of order and windows.
        """
        self.clips, self.indices, self.seed = clips, indices, seed
        self.windows_per_recording = windows_per_recording
        first, last = clips.window_range(indices)
        # One each recording, in the order of the clips: where they lie in the file must not change what is drawn.
        self._begin = np.sort(np.unique(first, return_index=True)[1])
        self._first, self._last = first[self._begin], last[self._begin]

    def __len__(self) -> int:
        return len(self._first) * self.windows_per_recording or len(self.indices)

    def epoch(self, epoch: int) -> Epoch:
        """The examples of epoch number `epoch`, from 0; they follow from it and the seed alone."""
        random = np.random.default_rng((self.seed, epoch))
        if not self.windows_per_recording:
            index = self.indices[random.permutation(len(self.indices))]
            return Epoch(index, self.clips.starts(index))
        recording = random.permutation(np.repeat(np.arange(len(self._first)), self.windows_per_recording))
        offset = random.integers(0, (self._last - self._first)[recording], endpoint=True)
        samples = self.clips.samples
        piece = (offset + samples // 2) // samples
        return Epoch(self.indices[self._begin[recording] + piece], self._first[recording] + offset)
