"""Command: score what a run answers on the test split of a data set, whole and in parts, with intervals.

    python -m train.evaluate --model RUN --data FILE.h5 [--json FILE] [--plot FILE.png]

Shapes: n clips, F mel bands, T frames, K classes.
"""

import json as json_format
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from tinyasc import artifact, metrics, recipe
from tinyasc.artifact import ModelCard
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.front_end import FrontEnd
from tinyasc.mel_torch import front_end
from train import picture, reproducible, score_picture, score_table, trained
from train.reproducible import ComputeConfig
from train.score_table import summary
from train.teachers import stored


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


def evaluate(
    *,
    model: Path,
    data: Path,
    json: Path | None = None,
    plot: Path | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    threads: int = 2,
) -> None:
    """Score a float model, or the answers that an ensemble has stored, on the test split and print the result.

    Args:
        model: run folder of a teacher, an ensemble or a student.
        data: prepared data set (.h5).
        json: file for all figures.
        plot: picture to draw (.png): the confusion matrix, and every part with its interval.
        device: auto, cpu or cuda.
        threads: CPU threads.
    """
    for path in (json, plot):
        if path is not None and path.is_dir():
            raise UserError(f"{path} is a folder: name the file to write")
    card = artifact.load_card(model)
    if card.stage in ("qat", "export"):
        raise UserError(f"{model} is of the stage {card.stage}: `make bench` judges what is quantized, as it ships")
    chosen = reproducible.settle(ComputeConfig(device=device, threads=threads)).device
    with Clips(data) as clips:
        trained.check_labels(card, clips)
        score = score_test(_answers(model, card, clips, chosen), clips, card.data["train_devices"])
        trained_on, checksum = card.data["checksum"], clips.checksum
    title = f"{card.stage} {card.architecture} on {score.n:,} test clips of {score.moments:,} moments"
    print(f"{title}: {summary(score)}")
    if trained_on != checksum:
        print("trained on another data set, or an unknown one: its clips may be among these")
    print(f"\n{score_table.table(score)}\n\n{score_table.confusion(score, card.labels)}")
    if json is not None:
        run = {"stage": card.stage, "architecture": card.architecture, "run": str(model)}
        content = {**run, "data": {"file": data.name, "checksum": checksum}, "accuracy": score.to_dict()}
        content["confusion"] = {"labels": card.labels, "counts": score.confusion.tolist()}
        json.parent.mkdir(parents=True, exist_ok=True)
        artifact.atomic_write(json, (json_format.dumps(content, indent=1) + "\n").encode())
        print(f"wrote {json}")
    if plot is not None:
        picture.write(score_picture.draw(score, card.labels, card.data["train_devices"], title), plot)
        print(f"wrote {plot}")


def _answers(run: Path, card: ModelCard, clips: Clips, device: torch.device) -> Callable[[np.ndarray], np.ndarray]:
    """Clip numbers (n,) -> logits (n, K): by the run's network, or out of its file where it has none."""
    if trained.FILE not in card.files and stored.FILE in card.files:
        return lambda indices: stored.load(run, clips, indices)[indices]
    network, mel, _ = trained.load(run)
    trained.check_sample_rate(card, clips)
    network.to(device)
    return lambda indices: predict(network, mel, clips, indices)


if __name__ == "__main__":
    raise SystemExit(recipe.run(evaluate))
