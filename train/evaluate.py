"""Command: score what a run answers on the test split of a data set, whole and in parts, with intervals.

    python -m train.evaluate --model RUN --data FILE.h5 [--json FILE] [--plot FILE.png]

Shapes: n clips, F mel bands, T frames, K classes.
"""

import json as json_format
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import numpy as np
from torch import nn

from tinyasc import artifact, metrics, models, recipe
from tinyasc.artifact import ModelCard
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.front_end import from_card
from tinyasc.runs import picture, scores, trained
from tinyasc.runs.scores import predict, summary
from tinyasc.runs.setup import ComputeConfig, setup_fabric
from train.report import device_probe, score_picture
from train.report.device_probe import Probe
from train.targets import stored


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
    chosen = setup_fabric(ComputeConfig(device=device, threads=threads)).device
    heard = card.data["train_devices"]
    with Clips(data) as clips:
        trained.check_fits(card, clips)
        test = clips.labelled("test")
        if trained.FILE not in card.files and stored.FILE in card.files:
            score = metrics.score_test(stored.load(model, clips, test)[test], clips, heard)
            found = None
        else:
            network, mel, _ = trained.load(model)
            network.to(chosen)
            score = metrics.score_test(predict(network, mel, clips, test), clips, heard)
            found = _probed(network, card, clips) if probe else None
    title = f"{card.stage} {card.architecture} on {score.n:,} test clips of {score.moments:,} moments"
    print(f"{title}: {summary(score)}")
    if card.data["checksum"] != clips.checksum:
        print("trained on another data set, or an unknown one: its clips may be among these")
    if probe:
        print(f"device probe: {_told(found)}")
    print(f"\n{scores.table(score)}\n\n{scores.confusion(score, card.labels)}")
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
