"""Command: train a student, by knowledge distillation from a teacher's stored logits or on the labels alone.

    python -m train.student --config train/recipes/student_demo.yaml --data FILE.h5 --teacher RUN --out RUN

Writes model.safetensors, metrics.csv, recipe.yaml, model_card.json. Stopped anywhere, the same command goes on from the
last whole epoch.
"""

from pathlib import Path
from typing import Any

from tinyasc import recipe
from tinyasc.clips import Clips
from tinyasc.mel import MelConfig
from train import reproducible
from train.augment import AugmentConfig
from train.distillation import DistillationConfig, student_loss, teacher_logits
from train.loader import ExamplesConfig
from train.loop.fit import FitConfig
from train.stage import Job, train_float


def train_student(
    *,
    data: Path,
    out: Path,
    architecture: str,
    model: dict[str, Any],
    mel: MelConfig | None,
    fit: FitConfig,
    augmentation: AugmentConfig,
    examples: ExamplesConfig,
    distillation: DistillationConfig,
    teacher: Path | None = None,
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
        mel: front-end; none for a network that takes the waveform.
        fit: length and pace.
        augmentation: random changes of the training clips.
        examples: which clips it trains on.
        distillation: how much the student listens to its teacher.
        teacher: run folder of a teacher of the same data set; none = train on the labels alone.
        seed: of every random choice.
        device: auto, cpu or cuda.
        threads: CPU threads.
    """
    with Clips(data) as clips:
        chosen = reproducible.settle(device, threads, seed)
        loss = student_loss(distillation, teacher_logits(teacher, clips, examples, chosen))
        parents = [] if teacher is None else [teacher]
        job = Job("student", architecture, model, mel, fit, examples, augmentation, seed, parents)
        train_float(job, clips, out, chosen, loss)


if __name__ == "__main__":
    raise SystemExit(recipe.run(train_student))
