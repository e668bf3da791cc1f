"""Command: score a trained float model on the test split of a data set.

    python -m train.evaluate --model RUN --data FILE.h5

Shapes: n clips, F mel bands, T frames, K classes.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from tinyasc import metrics, recipe
from tinyasc.clips import Clips
from tinyasc.front_end import FrontEnd
from tinyasc.mel_torch import front_end
from train import reproducible, trained


def predict(model: nn.Module, mel: FrontEnd, clips: Clips, indices: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
    """Logits of some clips: float32 (n, K), in the order of `indices`.

    Args:
        model: (B, 1, F, T) -> (B, K); runs in eval mode and is left in the mode it was in.
        mel: settings of the model's front-end.
        clips: the data set.
        indices: int64 (n,), the clips wanted.
        batch_size: clips at a time.
    """
    device = next(model.parameters()).device
    features = front_end(mel).to(device)
    training = model.training
    model.eval()
    parts = np.split(indices, range(batch_size, len(indices), batch_size))
    with torch.inference_mode():
        logits = [
            model(features(torch.from_numpy(clips.waveform(part)).to(device))).float().cpu().numpy()
            for part in tqdm(parts, "predict", leave=False, unit="batch")
        ]
    model.train(training)
    return np.concatenate(logits)


def score_test(
    logits_of: Callable[[np.ndarray], np.ndarray], clips: Clips, train_devices: list[str] | None
) -> metrics.Score:
    """Score on the test split, with all breakdowns.

    Args:
        logits_of: clip numbers (n,) -> logits (n, K).
        clips: the data set.
        train_devices: those that the model heard in training; none = not known.

    Raises:
        UserError: the data set has no test clips, or no labels.
    """
    return metrics.score_test(logits_of(clips.labelled("test")), clips, train_devices)


def summary(score: metrics.Score) -> str:
    """One line for a person: macro accuracy with its interval, log loss, groups of devices."""
    sure = "" if score.interval is None else f" ({score.interval[0]:.1%} to {score.interval[1]:.1%})"
    groups = ", ".join(f"{name} {part.macro:.1%}" for name, part in score.groups.items())
    return f"macro accuracy {score.macro:.1%}{sure}, log loss {score.log_loss:.3f}; devices {groups}"


def evaluate(model: Path, data: Path, device: str = "auto", threads: int = 2) -> None:
    """Score a trained float model on the test split and print the result.

    Args:
        model: run folder of a teacher or a student.
        data: prepared data set (.h5).
        device: auto, cpu or cuda.
        threads: CPU threads.
    """
    chosen = reproducible.settle(device, threads)
    network, mel, card = trained.load(model)
    with Clips(data) as clips:
        trained.check_labels(card, clips)
        network.to(chosen)
        score = score_test(lambda indices: predict(network, mel, clips, indices), clips, card.data["train_devices"])
    print(f"{card.stage} {card.architecture}, {score.n} test clips: {summary(score)}")
    for name, part in score.per_device.items():
        print(f"  device {name:<4} {part.macro:6.1%}")
    for name, part in score.per_class.items():
        print(f"  {name:<20} {part.macro:6.1%}")


if __name__ == "__main__":
    raise SystemExit(recipe.run(evaluate))
