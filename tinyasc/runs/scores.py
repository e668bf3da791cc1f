"""What a network answers to clips, and a score as text: one line, all its parts with their intervals, its confusion.

Shapes: n clips, B of a batch, F mel bands, T frames, K classes.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from tinyasc.bootstrap import Interval
from tinyasc.clips import Clips
from tinyasc.front_end import FrontEnd
from tinyasc.mel_torch import front_end
from tinyasc.metrics import Part, Score

TITLES = {"per_class": "class", "per_device": "device", "groups": "device group", "per_city": "city"}
"""What the breakdowns of a score are by."""

FEW = 10
"""Moments below which a percentile interval deserves a word of warning."""


def predict(model: nn.Module, mel: FrontEnd, clips: Clips, indices: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
    """Compute the logits of clips: float32 (n, K), in the order of `indices` int64 (n,).

    The model, (B, 1, F, T) -> (B, K), runs in eval mode and is left in the mode it was in; `mel` is its front end.
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


def summary(score: Score) -> str:
    """One line: macro accuracy with its interval, log loss, groups of devices."""
    low_high = score.interval
    sure = "" if low_high is None else f" ({low_high[0]:.1%} to {low_high[1]:.1%})"
    groups = ", ".join(f"{name} {part.macro:.1%}" for name, part in score.groups.items())
    return f"macro accuracy {score.macro:.1%}{sure}, log loss {score.log_loss:.3f}" + (
        f"; devices {groups}" if groups else ""
    )


def table(score: Score) -> str:
    """Every part: macro accuracy (of a class: its share of right answers) and log loss, clips and moments."""
    sections = {TITLES[key]: parts for key, parts in score.breakdowns().items() if parts}
    width = max(len(name) for parts in sections.values() for name in [*parts, "device group"]) + 2
    lines = [
        f"{'':{width}}{'accuracy':>9}{'95 % interval':>16}{'log loss':>10}{'95 % interval':>16}{'clips':>8}  moments"
    ]
    lines.append(_row("all", score, width))
    for title, parts in sections.items():
        lines += ["", title, *(_row(f"  {name}", part, width) for name, part in parts.items())]
    if any(part.moments < FEW for parts in sections.values() for part in parts.values()):
        lines += [
            "",
            f"An interval from fewer than {FEW} moments is rough, and too narrow; from one of a class there is none.",
        ]
    return "\n".join(lines)


def confusion(score: Score, labels: Sequence[str]) -> str:
    """Per cent of each true class, rounded: a row each, the answers in the columns."""
    width = max(map(len, labels))
    head = " ".join(f"{number + 1:>3}" for number in range(len(labels)))
    lines = [f"{'truth':{width + 4}} {head}   clips"]
    for number, (label, counts) in enumerate(zip(labels, score.confusion.tolist(), strict=True)):
        clips = sum(counts)
        cells = " ".join(f"{round(100 * count / clips):>3}" if count else "  ·" for count in counts)
        lines.append(f"{number + 1:>3} {label:{width}} {cells} {clips:>7,}")
    return "\n".join(lines)


def _row(name: str, part: Part, width: int) -> str:
    accuracy, loss = _range(part.interval, 100, 1), _range(part.log_loss_interval, 1, 2)
    figures = f"{100 * part.macro:>7.1f} %{accuracy:>16}{part.log_loss:>10.3f}{loss:>16}"
    return f"{name:{width}}{figures}{part.n:>8,}{part.moments:>9,}"


def _range(interval: Interval | None, scale: float, digits: int) -> str:
    return "–" if interval is None else f"{scale * interval[0]:.{digits}f} to {scale * interval[1]:.{digits}f}"
