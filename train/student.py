"""Command: train a student, by knowledge distillation from a teacher's stored logits or on the labels alone.

    python -m train.student --config train/recipes/demo/student.yaml --data FILE.h5 --teacher RUN --out RUN

Writes model.safetensors, metrics.csv, metrics.jsonl, curves.png, recipe.yaml, model_card.json. Stopped anywhere, the
same command goes on from the last checkpoint.
"""

from pathlib import Path
from typing import Any

from tinyasc import recipe
from tinyasc.mel import MelConfig
from tinyasc.runs.setup import ComputeConfig
from train.data.augment import AugmentConfig
from train.data.selection import ExamplesConfig
from train.fit.config import FitConfig
from train.fit.stage import Job, objective_of, open_training, train_float
from train.targets.adversarial import OFF, AdversarialConfig
from train.targets.distillation import DistillationConfig
from train.targets.teachers import open_teacher


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
    adversarial: AdversarialConfig = OFF,
    compute: ComputeConfig,
    teacher: Path | None = None,
    seed: int = 0,
    dry_run: bool = False,
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
        adversarial: how hard it is kept from telling the recording devices apart.
        compute: what computes it.
        teacher: run folder of a teacher of the same data set; none = train on the labels alone.
        seed: of every random choice.
        dry_run: measure a few steps, say what the run would be, and write nothing.
    """
    parents = [] if teacher is None else [teacher]
    job = Job("student", architecture, model, mel, fit, examples, augmentation, compute, seed, parents, dry_run=dry_run)
    with open_training(job, data) as (clips, fabric):
        taught_by = open_teacher(teacher, distillation, clips, examples, fabric.device)
        objective = objective_of(job, clips, adversarial, distillation=distillation, teacher=taught_by)
        train_float(job, clips, out, fabric, objective)


if __name__ == "__main__":
    raise SystemExit(recipe.run(train_student))
