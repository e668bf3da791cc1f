"""Which sound a run trains on: the clips it selects, those it holds out, and the windows of them in each epoch.

An epoch takes the fixed one-second pieces, or windows that begin anywhere in their recordings. Random slicing sees
ten-second recordings at every offset instead of ten. Source: CP-JKU's submission to DCASE 2022 Task 1 (Schmid et al.,
2022).

Shapes: n examples of an epoch.
"""

from dataclasses import dataclass

import numpy as np

from tinyasc.clips import Clips
from tinyasc.dcase import TauName
from tinyasc.errors import UserError


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


def train_val_split(clips: Clips, examples: ExamplesConfig, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Select the clips that a run trains on, and those it holds out by the seed: int64 (n,) each, ascending.

    Raises:
        UserError: there are no such clips, they have no labels, or none can be held out.
    """
    indices = clips.labelled(examples.subset)
    held = hold_out(clips, indices, examples.validation, seed)
    return np.setdiff1d(indices, held, assume_unique=True), held


def hold_out(clips: Clips, indices: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Hold out some places of each label, drawn from the seed: no network can know one by heart, as in TAU's own split.

    A place is TAU's city and location; where a file's name does not tell it, its recording. Of each label at least one
    is held out, and one is left.

    Returns:
        int64, ascending: those of the training clips `indices` that are held out; none with share 0.

    Raises:
        UserError: a label has one place only.
    """
    if not share:
        return indices[:0]
    names = [_place(clips, clip) for clip in indices]
    _, place = np.unique(names, return_inverse=True)
    random = np.random.default_rng(seed)
    held = np.zeros(len(indices), bool)
    for label in np.unique(clips.label[indices]):
        of_label = clips.label[indices] == label
        places = random.permutation(np.unique(place[of_label]))
        if len(places) < 2:
            raise UserError(
                f"examples: {clips.labels[label]} was recorded at one place, none can be held out: take validation 0"
            )
        chosen = places[: min(max(1, round(share * len(places))), len(places) - 1)]
        held |= of_label & np.isin(place, chosen)
    return indices[held]


def _place(clips: Clips, clip: int) -> str:
    name = TauName.parse(clips.files[clip])
    return clips.recordings[clips.recording[clip]] if name is None else f"{name.city}-{name.location}"


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
        """Nothing is read; `indices` int64 (n,), ascending. Without random windows every clip comes once an epoch."""
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
