"""A teacher that hears what the student hears: every window as it was before it was changed, through its own front end.

Shapes: B clips of a batch, K classes, E channels of an embedding.
"""

import os
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from tinyasc import artifact, models
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.mel_torch import front_end
from tinyasc.runs import trained
from train.data.loader import Batch
from train.targets.objectives.embedding import Embedding
from train.targets.teachers.average import Average, averaged
from train.targets.teachers.teacher import Answers, Teacher

STAGES = ("teacher", "student")
"""Of the runs that can answer: a student too, above all the one that is being quantized."""


class Live:
    """One network as a `Teacher`: in eval mode, without gradient."""

    needs_waveform = True

    def __init__(self, run: Path, clips: Clips, device: torch.device) -> None:
        """Args:
            run: folder of a verified teacher or student run.
            clips: the data set.
            device: of the batches.

        Raises:
            UserError: it is of other classes or another sample rate.
        """
        network, mel, card = trained.load(run, *STAGES)
        trained.check_fits(card, clips)
        self._embedding = Embedding(network, models.ARCHITECTURES[card.architecture].classifier)
        self._network, self._front_end = network.to(device), front_end(mel).to(device)
        self.channels = self._embedding.channels

    @torch.no_grad()
    def __call__(self, batch: Batch) -> Answers:
        """See `Teacher`."""
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
        """See `Teacher`."""
        answers = [member(batch) for member in self._members]
        together = torch.cat([F.normalize(one.embedding, dim=1) for one in answers], dim=1)
        return Answers(averaged([one.logits for one in answers], self._average), together)


def live(run: Path, clips: Clips, device: torch.device) -> Teacher:
    """A teacher or student run, or all members of an ensemble's, ready to hear batches.

    Args:
        run: its folder.
        clips: the data set.
        device: of the batches.

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
