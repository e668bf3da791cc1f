"""Command: train a teacher and keep its logits of every training clip and every test clip.

    python -m train.teacher --config train/recipes/demo/teacher.yaml --data FILE.h5 --out RUN

Writes model.safetensors, logits.h5, metrics.csv, metrics.jsonl, curves.png, recipe.yaml, model_card.json. Stopped
anywhere, the same command goes on from the last checkpoint.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from tinyasc import models, recipe
from tinyasc.artifact import Run
from tinyasc.errors import UserError
from tinyasc.mel import MelConfig
from tinyasc.models.passt import Passt, PasstS
from tinyasc.models.passt.weights import load_weights
from tinyasc.runs.scores import predict
from tinyasc.runs.setup import ComputeConfig
from tinyasc.weights import locate
from train.data.augment import AugmentConfig
from train.data.selection import ExamplesConfig
from train.fit.config import FitConfig
from train.fit.stage import Job, objective_of, open_training, train_float
from train.targets import stored
from train.targets.adversarial import OFF, AdversarialConfig


def train_teacher(
    *,
    data: Path,
    out: Path,
    architecture: str,
    model: dict[str, Any],
    mel: MelConfig | None,
    fit: FitConfig,
    augmentation: AugmentConfig,
    examples: ExamplesConfig,
    label_smoothing: float = 0.0,
    adversarial: AdversarialConfig = OFF,
    weights: str | None = None,
    weights_sha256: str | None = None,
    compute: ComputeConfig,
    seed: int = 0,
    dry_run: bool = False,
) -> None:
    """Train a teacher, score it on the test split, and keep its logits of all of these clips.

    Args:
        data: prepared data set (.h5).
        out: run folder to write.
        architecture: a name in tinyasc.models, e.g. passt.
        model: settings of the architecture.
        mel: front-end; none for a network that takes the waveform.
        fit: length and pace.
        augmentation: random changes of the training clips.
        examples: which clips it trains on.
        label_smoothing: share of each target that is spread over all classes.
        adversarial: how hard it is kept from telling the recording devices apart.
        weights: published PaSST weights to start from, a file or an address that is fetched once; none = from scratch.
        weights_sha256: what the weights must have; needed for an address.
        compute: what computes it.
        seed: of every random choice.
        dry_run: measure a few steps, say what the run would be, and write nothing.
    """
    models.resolve(architecture, model)
    if weights is not None and models.ARCHITECTURES[architecture].network not in (Passt, PasstS):
        raise UserError(f"--weights are of PaSST, the architecture is {architecture}")
    job = Job("teacher", architecture, model, mel, fit, examples, augmentation, compute, seed, dry_run=dry_run)
    with open_training(job, data) as (clips, fabric):
        start = None if weights is None else locate(weights, weights_sha256)
        job = replace(job, weights=start)

        def initialize(network: nn.Module) -> None:
            if start is not None and isinstance(network, Passt | PasstS):
                load_weights(network, start)

        def keep_logits(run: Run, network: nn.Module) -> None:
            answered = np.union1d(clips.indices(examples.subset), clips.indices("test"))
            stored.write(run.path(stored.FILE), clips, answered, predict(network, mel, clips, answered))

        objective = objective_of(job, clips, adversarial, label_smoothing=label_smoothing)
        train_float(job, clips, out, fabric, objective, initialize=initialize, finish=keep_logits, files=[stored.FILE])


if __name__ == "__main__":
    raise SystemExit(recipe.run(train_teacher))
