"""Command: train a teacher and keep its logits of every training clip.

    python -m train.teacher --config train/recipes/teacher_demo.yaml --data FILE.h5 --out RUN

Writes model.safetensors, train_logits.safetensors, metrics.csv, recipe.yaml, model_card.json. Stopped anywhere, the
same command goes on from the last whole epoch.
"""

from pathlib import Path
from typing import Any

from torch import nn

from tinyasc import models, recipe
from tinyasc.artifact import Run
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.mel import MelConfig
from tinyasc.models.passt import Passt, PasstS
from tinyasc.models.passt_weights import load_weights
from tinyasc.weights import locate
from train import logits, reproducible
from train.augment import AugmentConfig
from train.evaluate import predict
from train.loader import ExamplesConfig
from train.loop.fit import FitConfig
from train.losses import label_loss
from train.stage import Job, train_float


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
    weights: str | None = None,
    weights_sha256: str | None = None,
    seed: int = 0,
    device: str = "auto",
    threads: int = 2,
) -> None:
    """Train a teacher, score it on the test split, and keep its logits of every training clip.

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
        weights: published PaSST weights to start from, a file or an address that is fetched once; none = from scratch.
        weights_sha256: what the weights must have; needed for an address.
        seed: of every random choice.
        device: auto, cpu or cuda.
        threads: CPU threads.
    """
    models.resolve(architecture, model)
    if weights is not None and models.ARCHITECTURES[architecture].network not in (Passt, PasstS):
        raise UserError(f"--weights are of PaSST, the architecture is {architecture}")
    with Clips(data) as clips:
        chosen = reproducible.settle(device, threads, seed)
        start = None if weights is None else locate(weights, weights_sha256)

        def initialize(network: nn.Module) -> None:
            if start is not None and isinstance(network, Passt | PasstS):
                load_weights(network, start)

        def keep_logits(run: Run, network: nn.Module) -> None:
            train = clips.indices(examples.subset)
            given = predict(network, mel, clips, train)
            logits.write(run.path(logits.FILE), given, train, clips.checksum)

        job = Job("teacher", architecture, model, mel, fit, examples, augmentation, seed, weights=start)
        train_float(job, clips, out, chosen, label_loss(label_smoothing), initialize=initialize, finish=keep_logits)


if __name__ == "__main__":
    raise SystemExit(recipe.run(train_teacher))
