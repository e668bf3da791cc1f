"""Command: train a student, by knowledge distillation from a teacher's stored logits or on the labels alone.

    python -m train.student --config train/recipes/student_demo.yaml --data FILE.h5 --teacher RUN --out RUN

Writes model.safetensors, metrics.csv, recipe.yaml, model_card.json. Stopped anywhere, the same command goes on from the
last whole epoch.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tinyasc import artifact, recipe
from tinyasc.clips import Clips
from tinyasc.mel import MelConfig
from train import logits, reproducible, trained
from train.augment import AugmentConfig, augment
from train.loader import Batch
from train.loop import FitConfig
from train.losses import distillation_loss
from train.stage import Job, train_float


@dataclass(frozen=True)
class DistillationConfig:
    """How much a student listens to its teacher; without a teacher nothing of this matters."""

    temperature: float = 2.0
    """Softens teacher and student."""
    hard_weight: float = 0.02
    """Weight of the cross entropy with the labels; the rest is the divergence from the teacher."""


def train_student(
    *,
    data: Path,
    out: Path,
    architecture: str,
    model: dict[str, Any],
    mel: MelConfig,
    fit: FitConfig,
    augmentation: AugmentConfig,
    distillation: DistillationConfig,
    teacher: Path | None = None,
    cache: bool = False,
    seed: int = 0,
    device: str = "auto",
    threads: int = 2,
) -> None:
    """Train a student and score it on the test split.

    Args:
        data: prepared data set (.h5).
        out: run folder to write.
        architecture: a name in tinyasc.models, e.g. cp_mobile.
        model: settings of the architecture.
        mel: front-end.
        fit: length and pace.
        augmentation: random changes of the training clips.
        distillation: how much the student listens to its teacher.
        teacher: run folder of a teacher of the same data set; none = train on the labels alone.
        cache: keep all spectrograms in memory.
        seed: of every random choice.
        device: auto, cpu or cuda.
        threads: CPU threads.
    """
    with Clips(data) as clips:
        chosen = reproducible.settle(device, threads)
        given = None
        if teacher is not None:
            trained.check_labels(artifact.load_card(teacher, "teacher"), clips)
            given = torch.from_numpy(logits.load(teacher, clips)).to(chosen)  # (N, K)

        def loss(network: nn.Module, batch: Batch) -> Tensor:
            output = network(augment(batch.log_mel, augmentation))
            if given is None:
                return F.cross_entropy(output, batch.label)
            return distillation_loss(
                output,
                given[batch.index],
                batch.label,
                temperature=distillation.temperature,
                hard_weight=distillation.hard_weight,
            )

        parents = [] if teacher is None else [teacher]
        job = Job("student", architecture, model, mel, fit, cache, seed, parents)
        train_float(job, clips, out, chosen, loss)


if __name__ == "__main__":
    raise SystemExit(recipe.run(train_student))
