"""Command: score what a run answers on the test split of a data set, whole and in parts, with intervals.

    python -m train.evaluate --model RUN --data FILE.h5 [--json FILE] [--plot FILE.png]

Shapes: n clips, F mel bands, T frames, K classes.
"""

import json as json_format
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from tinyasc import artifact, metrics, models, recipe
from tinyasc.artifact import ModelCard
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.front_end import FrontEnd, from_card
from tinyasc.mel_torch import front_end
from tinyasc.runs import reproducible, score_table, trained
from tinyasc.runs.reproducible import ComputeConfig
from tinyasc.runs.score_table import summary
from train import picture
from train.report import device_probe, score_picture
from train.report.device_probe import Probe
from train.targets.teachers import stored


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
    probe: bool = False,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    threads: int = 2,
) -> None:
    """Score a float model, or the answers that an ensemble has stored, on the test split and print the result.

    Args:
        model: run folder of a teacher, an ensemble or a student.
        data: prepared data set (.h5).
        json: file for all figures.
        plot: picture to draw (.png): the confusion matrix, and every part with its interval.
        probe: also tell how well the device can be read off the network's embedding of the training clips.
        device: auto, cpu or cuda.
        threads: CPU threads.
    """
    artifact.check_files(json, plot)
    card = artifact.load_card(model)
    if card.stage in ("qat", "ptq", "export"):
        raise UserError(f"{model} is of the stage {card.stage}: `make bench` judges what is quantized, as it ships")
    chosen = reproducible.settle(ComputeConfig(device=device, threads=threads)).device
    heard = card.data["train_devices"]
    with Clips(data) as clips:
        trained.check_labels(card, clips)
        if trained.FILE not in card.files and stored.FILE in card.files:
            score = score_test(lambda indices: stored.load(model, clips, indices)[indices], clips, heard)
            found = None
        else:
            network, mel, _ = trained.load(model)
            trained.check_sample_rate(card, clips)
            network.to(chosen)
            score = score_test(lambda indices: predict(network, mel, clips, indices), clips, heard)
            found = _probed(network, card, clips) if probe else None
    title = f"{card.stage} {card.architecture} on {score.n:,} test clips of {score.moments:,} moments"
    print(f"{title}: {summary(score)}")
    if card.data["checksum"] != clips.checksum:
        print("trained on another data set, or an unknown one: its clips may be among these")
    if probe:
        print(f"device probe: {_told(found)}")
    print(f"\n{score_table.table(score)}\n\n{score_table.confusion(score, card.labels)}")
    if json is not None:
        content = {"run": str(model), "stage": card.stage, "architecture": card.architecture}
        content |= {"data": {"file": data.name, "checksum": clips.checksum}, "accuracy": score.to_dict()}
        content |= {"confusion": {"labels": card.labels, "counts": score.confusion.tolist()}}
        content |= {"device_probe": None if found is None else asdict(found)}
        json.parent.mkdir(parents=True, exist_ok=True)
        artifact.atomic_write(json, (json_format.dumps(content, indent=1) + "\n").encode())
        print(f"wrote {json}")
    if plot is not None:
        picture.write(score_picture.draw(score, card.labels, heard, title), plot)
        print(f"wrote {plot}")


def _probed(network: nn.Module, card: ModelCard, clips: Clips) -> Probe | None:
    """What the network gives away of the devices of its training clips, or of the data set's where they are others."""
    own = card.data["checksum"] == clips.checksum
    train = clips.indices(card.data["subset"] if own else "train")
    if len(np.unique(clips.device[train])) < 2:
        return None
    classifier = models.ARCHITECTURES[card.architecture].classifier
    try:
        return device_probe.measure(network, classifier, from_card(card.mel), clips, train)
    except UserError:
        reason = "--probe parts the places of each class in two halves, and a class of these was recorded at one alone"
        raise UserError(f"{reason}: leave --probe out") from None


def _told(probe: Probe | None) -> str:
    if probe is None:
        return "none, it needs a network and training clips of several devices"
    found = f"{100 * probe.balanced_accuracy:.1f} % of the devices found in its embedding, {100 * probe.chance:.1f} %"
    return f"{found} by chance ({probe.n:,} training clips); the fewer, the less it depends on them"


if __name__ == "__main__":
    raise SystemExit(recipe.run(evaluate))
