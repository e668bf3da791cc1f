"""What a network learns from a teacher: the loss that the float student and the quantized one share.

Shapes: N clips of the data set, B clips of a batch, K classes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tinyasc import artifact
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from train import logits, trained
from train.loader import Batch, ExamplesConfig
from train.losses import distillation_loss, label_loss, mixed_labels


@dataclass(frozen=True)
class DistillationConfig:
    """How much a student listens to its teacher; without a teacher nothing of this matters."""

    temperature: float = 2.0
    """Softens teacher and student."""
    hard_weight: float = 0.02
    """Weight of the cross entropy with the labels; the rest is the divergence from the teacher."""

    def __post_init__(self) -> None:
        if self.temperature <= 0 or not 0 <= self.hard_weight <= 1:
            raise UserError("distillation: temperature must be above zero and hard_weight lie in 0..1")


def teacher_logits(teacher: Path | None, clips: Clips, examples: ExamplesConfig, device: torch.device) -> Tensor | None:
    """The stored logits of a verified teacher run, (N, K), not a number where it gave none; None without a teacher.

    Raises:
        UserError: no such teacher, one of other classes, logits of another data set or of other clips.
    """
    if teacher is None:
        return None
    if examples.windows_per_recording:
        raise UserError(
            "a teacher's stored logits are of the fixed pieces, not of random windows: "
            "take windows_per_recording 0, or train without --teacher"
        )
    trained.check_labels(artifact.load_card(teacher, "teacher"), clips)
    return torch.from_numpy(logits.load(teacher, clips, clips.labelled(examples.subset))).to(device)


def student_loss(distillation: DistillationConfig, given: Tensor | None) -> Callable[[nn.Module, Batch], Tensor]:
    """The loss of a batch: distillation from the logits `given` (N, K), or cross entropy without them."""
    if given is None:
        return label_loss()

    def loss(network: nn.Module, batch: Batch) -> Tensor:
        output = network(batch.features)
        return distillation_loss(
            output,
            batch.mix(F.softmax(given[batch.index] / distillation.temperature, dim=1)),
            mixed_labels(batch, output),
            temperature=distillation.temperature,
            hard_weight=distillation.hard_weight,
        )

    return loss
