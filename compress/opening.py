"""What the commands of this package begin with: a run, a data set that fits it, and where to compute.

Shapes: B batch, C channels, F mel bands, T frames, n clips.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from compress.lower import lower
from compress.program import Program
from tinyasc import artifact, front_end, mel_torch
from tinyasc.artifact import ModelCard
from tinyasc.clips import Clips
from tinyasc.front_end import FrontEnd
from tinyasc.runs import trained
from tinyasc.runs.setup import ComputeConfig, setup_fabric

BATCH = 64


@dataclass(frozen=True)
class OpenRun:
    """A run and a data set of its classes and sample rate."""

    folder: Path
    card: ModelCard
    mel: FrontEnd
    clips: Clips
    subset: str
    """The training clips of the data set."""
    fabric: Fabric
    random: np.random.Generator
    """Of every choice of clips."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, F, T) of what the network takes of one clip."""
        return (1, *front_end.shape(self.mel, self.clips.samples))

    def float_program(self) -> Program:
        """The network of the run, lowered."""
        return lower(trained.load(self.folder)[0], self.shape)

    def choose(self, count: int) -> NDArray[np.int64]:
        """Draw training clips: their indices (n,), in random order, at most `count`."""
        return self.random.permutation(self.clips.labelled(self.subset))[:count]

    def features(self, indices: NDArray[np.int64], batch: int = BATCH) -> Iterator[Tensor]:
        """What the network takes of some clips, in batches (B, 1, F, T)."""
        return features(self.clips, self.mel, indices, batch)


@contextmanager
def open_run(
    model: Path, data: Path, compute: ComputeConfig, seed: int, *stages: str, subset: str | None = None
) -> Iterator[OpenRun]:
    """Open a run and a data set that its network can be given; they are closed at the end of the block.

    Args:
        model: the run folder.
        data: the data set (.h5).
        compute: where to compute, and how.
        seed: of every random choice.
        *stages: of which the run must be one, if it matters.
        subset: the training clips; None: those that the run was trained on, where that is this data set.

    Raises:
        UserError: no such run or data set, other classes or another sample rate, or no such device.
    """
    card = artifact.load_card(model, *stages)
    fabric = setup_fabric(compute, seed)
    with Clips(data) as clips:
        trained.check_fits(card, clips)
        own = card.data.get("subset") if card.data["checksum"] == clips.checksum else None
        mel, random = front_end.from_card(card.mel), np.random.default_rng(seed)
        yield OpenRun(model, card, mel, clips, subset or own or "train", fabric, random)


@contextmanager
def open_student(
    model: Path, data: Path, compute: ComputeConfig, seed: int, subset: str | None = None
) -> Iterator[OpenRun]:
    """Open a float student and the data set that it was trained on, as `open_run` does.

    Raises:
        UserError: it is no student or was trained on other clips, too.
    """
    with open_run(model, data, compute, seed, "student", subset=subset) as student:
        trained.check_data(student.card, model, student.clips, student.subset)
        yield student


def features(clips: Clips, mel: FrontEnd, indices: NDArray[np.int64], batch: int = BATCH) -> Iterator[Tensor]:
    """What the network takes of some clips, on the CPU, in batches (B, 1, F, T)."""
    module = mel_torch.front_end(mel)
    parts = np.split(indices, range(batch, len(indices), batch))
    for part in tqdm(parts, "clips", leave=False, unit="batch"):
        with torch.no_grad():  # no inference mode: pruning takes gradients behind it
            log_mel = module(torch.from_numpy(clips.waveform(part)))
        yield log_mel
