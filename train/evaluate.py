"""Command: score what a run answers on the test split of a data set, whole and in parts, with intervals.

    python -m train.evaluate --model RUN --data FILE.h5 [--json FILE] [--plot FILE.png]

Shapes: n clips, F mel bands, T frames, K classes.
"""

import json as json_format
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from torch import nn

from tinyasc import artifact, drawing, metrics, models, recipe
from tinyasc.artifact import ModelCard
from tinyasc.clips import Clips
from tinyasc.dcase import DEVICE_GROUPS
from tinyasc.drawing import GRID, INK, MUTED, STYLE
from tinyasc.errors import UserError
from tinyasc.front_end import from_card
from tinyasc.metrics import Part, Score
from tinyasc.runs import scores, trained
from tinyasc.runs.scores import TITLES, predict, summary
from tinyasc.runs.setup import ComputeConfig, setup_fabric
from train.report import device_probe
from train.report.device_probe import Probe
from train.targets import stored

PLAIN, SEEN, UNSEEN = "#94a3b8", "#0f766e", "#d97706"
RAMP = LinearSegmentedColormap.from_list("ramp", ["#ffffff", "#a7d8d3", SEEN, "#0b4f4a"])
CELL, BAR = 0.5, 0.27
"""Inches of a class in the confusion matrix, and of a bar."""
BARS, VALUE, GAP = 2.3, 0.75, 0.6
"""Inches of a panel of bars, of the figures to its right, and below it."""
MARGIN, HEAD = 0.2, 1.0
"""Inches around everything, and above the panels."""


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
        drawing.write(draw(score, card.labels, heard, title), plot)
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


def draw(score: Score, labels: Sequence[str], train_devices: Sequence[str] | None, title: str) -> Figure:
    """Draw a score; `train_devices`, None where they are not known, have another colour than the others."""
    words = [label.replace("_", " ") for label in labels]
    others = {TITLES[key]: parts for key, parts in score.breakdowns().items() if parts and key != "per_class"}
    side, room = max(3.0, CELL * len(labels)), _room(words)
    middle = MARGIN + room + side + 0.3
    right = middle + BARS + VALUE + _room([name for parts in others.values() for name in parts])
    width = right + BARS + VALUE
    height = HEAD + max(side + 0.75 * room + 0.2, sum(BAR * len(parts) + GAP for parts in others.values()))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), dpi=110)
        title = f"{title}: macro accuracy {100 * score.macro:.1f} %, log loss {score.log_loss:.3f}"
        figure.text(MARGIN / width, 1 - MARGIN / height, title, fontsize=11, weight="bold", va="top")

        _key(figure, train_devices is not None)

        def axes(left: float, top: float, wide: float, high: float) -> Axes:
            return figure.add_axes((left / width, 1 - (top + high) / height, wide / width, high / height))

        _confusion(axes(MARGIN + room, HEAD, side, side), score, words)
        classes = {word: score.per_class.get(label) for word, label in zip(words, labels, strict=True)}
        rows = axes(middle, HEAD, BARS, side)  # beside the rows of the matrix
        _bars(rows, "class", classes, lambda name: PLAIN)
        rows.set_yticks([])
        top = HEAD
        for name, parts in others.items():
            _bars(axes(right, top, BARS, BAR * len(parts)), name, parts, _colour(name, train_devices))
            top += BAR * len(parts) + GAP
        return figure


def _key(figure: Figure, heard_is_known: bool) -> None:
    """What lines and colours mean, in the line below the title."""
    width, height = figure.get_size_inches()
    parts = [("—", INK, "95 % interval over moments")]
    if heard_is_known:
        parts += [("■", SEEN, "devices heard in training"), ("■", UNSEEN, "not heard")]
    place = MARGIN
    for sign, colour, meaning in parts:
        line = 1 - (MARGIN + 0.28) / height
        figure.text(place / width, line, sign, color=colour, va="top")
        figure.text((place + 0.18) / width, line, meaning, color=MUTED, va="top")
        place += 0.4 + 0.075 * len(meaning)


def _room(names: Sequence[str]) -> float:
    """Inches that names beside a panel take."""
    return 0.072 * max(map(len, names)) + 0.15


def _colour(title: str, train_devices: Sequence[str] | None) -> Callable[[str], str]:
    """Name of a part -> its colour: whether its devices were heard in training, as far as that is known."""
    heard = set(train_devices or ())
    if train_devices is None or title not in ("device", "device group"):
        return lambda name: PLAIN
    members = {"seen": heard, **DEVICE_GROUPS}
    return lambda name: SEEN if heard >= set(members.get(name, [name])) else UNSEEN


def _confusion(axes: Axes, score: Score, words: Sequence[str]) -> None:
    share = score.confusion / score.confusion.sum(axis=1, keepdims=True).clip(1)
    axes.pcolormesh(share, cmap=RAMP, vmin=0, vmax=1, edgecolors="white", linewidth=1)
    axes.invert_yaxis()
    axes.set_title("Answers, per cent of each true class")
    for row, shares in enumerate(share.tolist()):
        for column, value in enumerate(shares):
            if (per_cent := round(100 * value)) > 0:
                colour = "white" if value > 0.5 else INK
                axes.text(column + 0.5, row + 0.5, str(per_cent), ha="center", va="center", color=colour)
    middles = [place + 0.5 for place in range(len(words))]
    axes.set_xticks(middles, words, rotation=40, ha="right", rotation_mode="anchor", color=INK)
    axes.set_yticks(middles, words, color=INK)
    axes.spines[:].set_visible(False)


def _bars(axes: Axes, title: str, parts: Mapping[str, Part | None], colour: Callable[[str], str]) -> None:
    for row, (name, part) in enumerate(parts.items()):
        if part is None:
            continue
        axes.barh(row, part.macro, height=0.68, color=colour(name), alpha=0.85)
        if part.interval is not None:
            axes.plot(part.interval, [row, row], color=INK, linewidth=1.3, solid_capstyle="butt")
        axes.text(1.03, row, f"{100 * part.macro:.1f} %", va="center", transform=axes.get_yaxis_transform())
    axes.set_title(f"Accuracy by {title}")
    axes.set_yticks(range(len(parts)), [name.replace("_", " ") for name in parts], color=INK)
    axes.set_ylim(len(parts) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.tick_params(axis="x", labelcolor=MUTED, labelsize=7)
    axes.grid(axis="x", color=GRID)
    axes.set_axisbelow(True)


if __name__ == "__main__":
    raise SystemExit(recipe.run(evaluate))
