"""The teacher that a student's command names."""

from pathlib import Path

import torch

from tinyasc import artifact
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from train.data.selection import ExamplesConfig
from train.targets.objectives.distillation import DistillationConfig
from train.targets.teachers.live import live
from train.targets.teachers.stored import Stored
from train.targets.teachers.teacher import Teacher


def open_teacher(
    run: Path | None, distillation: DistillationConfig, clips: Clips, examples: ExamplesConfig, device: torch.device
) -> Teacher | None:
    """A verified teacher run, ready to be asked; none without one.

    Args:
        run: its folder.
        distillation: whether it answers out of its file or live.
        clips: the data set of the student.
        examples: which of its clips the student trains on.
        device: of the batches.

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
