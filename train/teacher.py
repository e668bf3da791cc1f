"""Command: train a teacher and keep its logits of every training clip.

    python -m train.teacher --config train/recipes/teacher_demo.yaml --data FILE.h5 --out RUN

Writes model.safetensors, train_logits.safetensors, metrics.csv, recipe.yaml, model_card.json. Stopped anywhere, the
same command goes on from the last whole epoch.
"""

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from tinyasc import recipe
from tinyasc.artifact import Run
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.mel import MelConfig
from tinyasc.mel_torch import LogMel
from tinyasc.models.passt import Passt, PasstS, load_weights
from train import logits, reproducible
from train.augment import AugmentConfig, augment, mixup
from train.evaluate import predict
from train.loader import Batch
from train.loop import FitConfig
from train.losses import soft_cross_entropy
from train.stage import Job, train_float


def train_teacher(
    *,
    data: Path,
    out: Path,
    architecture: str,
    model: dict[str, Any],
    mel: MelConfig,
    fit: FitConfig,
    augmentation: AugmentConfig,
    mixup_alpha: float = 0.0,
    label_smoothing: float = 0.0,
    weights: Path | None = None,
    cache: bool = False,
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
        mel: front-end.
        fit: length and pace.
        augmentation: random changes of the training clips.
        mixup_alpha: parameter of mixup's Beta distribution; 0 = no mixup.
        label_smoothing: share of each target that is spread over all classes.
        weights: local file with published PaSST weights to start from; none = from scratch.
        cache: keep all spectrograms in memory.
        seed: of every random choice.
        device: auto, cpu or cuda.
        threads: CPU threads.
    """
    with Clips(data) as clips:
        chosen = reproducible.settle(device, threads)

        def initialize(network: nn.Module) -> None:
            if weights is not None:
                if not isinstance(network, Passt | PasstS):
                    raise UserError(f"--weights are of PaSST, the architecture is {architecture}")
                load_weights(network, weights)

        def loss(network: nn.Module, batch: Batch) -> Tensor:
            log_mel = augment(batch.log_mel, augmentation)
            log_mel, target = mixup(log_mel, batch.label, len(clips.labels), mixup_alpha)
            return soft_cross_entropy(network(log_mel), target, label_smoothing)

        def keep_logits(run: Run, network: nn.Module, log_mel: LogMel) -> None:
            train = clips.indices("train")
            given = predict(network, log_mel, clips, train)
            logits.write(run.path(logits.FILE), given, train, clips.checksum)

        job = Job("teacher", architecture, model, mel, fit, cache, seed, weights=weights)
        train_float(job, clips, out, chosen, loss, initialize=initialize, finish=keep_logits)


if __name__ == "__main__":
    raise SystemExit(recipe.run(train_teacher))
