"""The teacher that a command names: its stored answers, or the teacher itself while the student trains.

A live teacher hears what the student hears: every window as it was before it was changed, through its own front end.

Shapes: B clips of a batch, K classes, E channels of an embedding.
"""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from tinyasc import artifact, models
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.mel_torch import front_end
from tinyasc.runs import trained
from train.data.loader import Batch
from train.data.selection import ExamplesConfig
from train.targets.distillation import DistillationConfig
from train.targets.objective import Answers, Embedding, Teacher
from train.targets.stored import Stored

Average = Literal["probabilities", "logits"]
STAGES = ("teacher", "student")
"""Of the runs that can answer: a student too, above all the one that is being quantized."""


def open_teacher(
    run: Path | None, distillation: DistillationConfig, clips: Clips, examples: ExamplesConfig, device: torch.device
) -> Teacher | None:
    """Open a verified teacher run, out of its file or live, for the examples of a student's data set; none without one.

    Raises:
        UserError: no such teacher, or one that does not fit the data set or the examples.
    """
    if run is None:
        return None
    if distillation.source == "live":
        if examples.cache:
            raise UserError("a live teacher hears the sound, which the cache leaves out: take examples.cache false")
        return live(run, clips, device)
    if examples.windows_per_recording:
        raise UserError(
            "a teacher's stored logits are of the fixed pieces, not of random windows: take distillation.source live, "
            "windows_per_recording 0, or train without --teacher"
        )
    artifact.load_card(run, "teacher")
    return Stored(run, clips, clips.labelled(examples.subset), device)


class Live:
    """One network as a `Teacher`: in eval mode, without gradient."""

    needs_waveform = True

    def __init__(self, run: Path, clips: Clips, device: torch.device) -> None:
        """Load a verified teacher or student run; UserError where it is of other classes or another sample rate."""
        network, mel, card = trained.load(run, *STAGES)
        trained.check_fits(card, clips)
        self._embedding = Embedding(network, models.ARCHITECTURES[card.architecture].classifier)
        self._network, self._front_end = network.to(device), front_end(mel).to(device)
        self.channels = self._embedding.channels

    @torch.no_grad()
    def __call__(self, batch: Batch) -> Answers:
        assert batch.waveform is not None
        logits = self._network(self._front_end(batch.waveform)).float()
        return Answers(logits, self._embedding.take().float())


class LiveEnsemble:
    """Several teachers as one: their answers averaged, the directions of their embeddings side by side."""

    needs_waveform = True

    def __init__(self, members: list[Teacher], average: Average) -> None:
        self._members = members
        self._average: Average = average
        self.channels = sum(member.channels for member in members)

    def __call__(self, batch: Batch) -> Answers:
        answers = [member(batch) for member in self._members]
        together = torch.cat([F.normalize(one.embedding, dim=1) for one in answers], dim=1)
        return Answers(averaged([one.logits for one in answers], self._average), together)


def live(run: Path, clips: Clips, device: torch.device) -> Teacher:
    """A teacher or student run, or all members of an ensemble's, ready to hear batches.

    Raises:
        UserError: no such run, one that does not fit the data set, or an ensemble with members that are files, gone, or
            not what they were.
    """
    card = artifact.load_card(run, *STAGES)
    if card.architecture != trained.ENSEMBLE:
        return Live(run, clips, device)
    members = [live(_member(run, one), clips, device) for one in card.config["teachers"]]
    return LiveEnsemble(members, card.config["average"])


def described(teacher: Path, out: Path) -> dict[str, Any]:
    """How an ensemble at `out` names one of its teachers: where it is from there, and what it holds."""
    identity = teacher / artifact.CARD if teacher.is_dir() else teacher
    relative = os.path.relpath(teacher.resolve(), out.resolve())
    return {"path": Path(relative).as_posix(), "sha256": artifact.file_sha256(identity)}


def _member(ensemble: Path, described: dict[str, Any]) -> Path:
    path = (ensemble.resolve() / described["path"]).resolve()
    if path.is_file():
        raise UserError(
            f"{ensemble} has the file {path.name} in it, which cannot hear: take distillation.source stored"
        )
    if not (path / artifact.CARD).is_file():
        raise UserError(f"{path}, a teacher of {ensemble}, is gone: bring it back, or take distillation.source stored")
    if artifact.file_sha256(path / artifact.CARD) != described["sha256"]:
        raise UserError(f"{path} is not the teacher that {ensemble} was made of: make the ensemble again")
    return path


def averaged(logits: Sequence[Tensor], average: Average) -> Tensor:
    """Average the logits (B, K) of several teachers, all counting alike: (B, K).

    The average is of the probabilities, given back as their logarithms, or of the logits as they are.
    """
    together = torch.stack(list(logits))  # (teachers, B, K)
    if average == "logits":
        return together.mean(0)
    return together.log_softmax(2).logsumexp(0) - math.log(len(together))
