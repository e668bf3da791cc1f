"""Command: what each augmentation does to a few training clips, as one picture.

    python -m train.preview --data FILE.h5 --out preview.png

One row an augmentation, as its file in train/data/augmentations says, and for each clip two panels, the second its
log-mel. The first shows what changed: the waveform, whole or a moment of it, or, where the spectrogram alone changed,
the mean level of each mel band, on the axis of the spectrogram beside it. All spectrograms share one colour scale.

Shapes: B clips of the batch that the changes see, n of them drawn, S samples, F mel bands, T frames.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from tinyasc import drawing, front_end, recipe
from tinyasc.clips import Clips
from tinyasc.drawing import GRID, INK, MUTED
from tinyasc.errors import UserError
from tinyasc.mel import MelConfig
from tinyasc.mel_torch import LogMel
from train.data.augment import AugmentConfig, Augmenter
from train.data.augmentations import AUGMENTATIONS

BATCH = 16
"""Clips that mixup and MixStyle choose partners from."""
MOST = 8
"""Clips that a picture has room for."""
PREVIEWS = [entry for kind in AUGMENTATIONS for entry in kind.previews]
"""The rows: all augmentations with the settings of published recipes."""
BEFORE, AFTER = "#a3adbb", "#0072b2"
COLOURS = "viridis"
"""Reads alike to the colour-blind, and in grey."""
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.6,
    "axes.labelcolor": MUTED,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.titlepad": 3,
    "axes.titlecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
}
LEFT, RIGHT, TOP, BOTTOM = 2.2, 0.25, 1.2, 0.95
"""Inches around the panels."""
PAIR, ROW = 4.4, 1.3
"""Inches for the two panels of a clip, and for a row."""
COLUMNS = 400
"""A whole waveform is drawn in so many columns, each from its least to its largest sample."""
MOMENT = 0.01
"""Length of the moment that shows single waves, s."""
FIRST = {
    "clip": "waveform, full scale = 1",
    "moment": f"{1000 * MOMENT:g} ms around its loudest sample",
    "bands": "mel band over its mean level",
}
"""What the first panel of a row may show."""


@dataclass(frozen=True)
class Row:
    """One change."""

    title: str
    setting: str
    waveform: Tensor
    """(B, S)."""
    log_mel: Tensor
    """(B, 1, F, T)."""
    first: Literal["clip", "moment", "bands"]
    """What the first panel shows: the whole clip, its loudest moment, or the bands' mean level (`FIRST`)."""
    notes: Sequence[str] = ()
    """What was drawn for each clip: B, or none."""


def preview(data: Path, out: Path, clips: int = 3, seed: int = 0) -> None:
    """Draw a few training clips, waveform and log-mel, before and after each augmentation.

    Args:
        data: prepared data set (.h5).
        out: the picture to write (.png).
        clips: how many clips to draw, each of another scene as far as there are enough, 1 to 8.
        seed: of the choice of clips and of every change.
    """
    if not 1 <= clips <= MOST:
        raise UserError(f"--clips is {clips}: take 1 to {MOST}")
    if seed < 0:
        raise UserError(f"--seed is {seed}: take 0 or more")
    if out.is_dir():
        raise UserError(f"--out {out} is a folder: name the picture, e.g. {out / 'preview.png'}")
    with Clips(data) as source:
        train = source.indices("train")
        if len(train) < clips:
            raise UserError(f"{data} has {len(train)} training clips: take a data set with more, or fewer --clips")
        batch = chosen(source, train, seed)
        # CP-Mobile's front end, whose upper edge leaves room for the random one at other sample rates too.
        mel = MelConfig(sample_rate=source.sample_rate, f_max=min(15_500.0, source.sample_rate / 2 - 500))
        front_end.shape(mel, source.samples)
        shown = list(rows(source, batch, mel, seed))
        titles = [_title(source, clip) for clip in batch[:clips]]
    drawing.write(draw(shown, titles, source.sample_rate), out)
    print(f"wrote {out}")


def chosen(source: Clips, train: np.ndarray, seed: int) -> np.ndarray:
    """Clips of the batch, from `train`: first one of each scene, then others; int64 (B,)."""
    order = np.random.default_rng(seed).permutation(train)
    _, firsts = np.unique(source.label[order], return_index=True)
    return np.concatenate([order[np.sort(firsts)], np.delete(order, firsts)])[:BATCH]


def rows(source: Clips, batch: np.ndarray, mel: MelConfig, seed: int) -> Iterator[Row]:
    """Yield the original clips (B,), random slicing where there is room for it, and each of PREVIEWS, drawn anew."""
    log_mel = LogMel(mel)
    original = torch.from_numpy(source.waveform(batch))
    yield Row("Original", "one change at a time\nin the rows below", original, log_mel(original), "clip")

    train = source.indices("train")
    earliest, latest = (bound[np.searchsorted(train, batch)] for bound in source.window_range(train))
    if (latest > earliest).any():
        starts = np.random.default_rng(seed).integers(earliest, latest, endpoint=True)
        window = torch.from_numpy(source.windows(starts))
        notes = [f"from {start:.2f} s" for start in (starts - earliest) / source.sample_rate]
        yield Row("Random slicing", "anywhere in the\nunbroken recording", window, log_mel(window), "clip", notes)

    for entry in PREVIEWS:
        torch.manual_seed(seed)
        augmenter = Augmenter(AugmentConfig(**entry.config), mel, source.devices, sample_rate=source.sample_rate)
        waveform = augmenter.waveform(original, torch.from_numpy(source.device[batch]))
        edges = augmenter.edges()
        features, mix = augmenter.features(log_mel(waveform, edges))
        notes = augmenter.notes(original, waveform, source.sample_rate)
        if edges is not None:
            notes = [f"upper edge {edges[1]:,.0f} Hz"] * len(batch)
        if mix.own is not None and mix.other is not None:
            others = [_scene(source, int(other)) for other in batch[mix.other.numpy()]]
            notes = [
                f"{100 - 100 * own:.0f} % from {other}" for own, other in zip(mix.own.tolist(), others, strict=True)
            ]
        panel = "bands" if waveform is original else entry.panel
        yield Row(entry.title, entry.setting, waveform, features, panel, notes)


def _scene(source: Clips, clip: int) -> str:
    return source.labels[source.label[clip]].replace("_", " ") if source.label[clip] >= 0 else "unknown"


def _title(source: Clips, clip: int) -> str:
    return f"{_scene(source, clip)}\n{source.cities[source.city[clip]]}, device {source.devices[source.device[clip]]}"


def draw(rows: Sequence[Row], titles: Sequence[str], sample_rate: int) -> Figure:
    """The picture of the first n = len(titles) clips; the first row is the original."""
    with mpl.rc_context(STYLE):
        width, height = LEFT + RIGHT + PAIR * len(titles), TOP + BOTTOM + ROW * len(rows)
        figure = Figure(figsize=(width, height), dpi=110)
        edges = {"left": LEFT / width, "right": 1 - RIGHT / width, "top": 1 - TOP / height, "bottom": BOTTOM / height}
        grid = figure.add_gridspec(len(rows), len(titles), **edges, hspace=0.42, wspace=0.14)
        scale = np.quantile(rows[0].log_mel[: len(titles)].numpy(), [0.01, 0.999])
        image: Any = None
        for number, row in enumerate(rows):
            for clip, title in enumerate(titles):
                pair = grid[number, clip].subgridspec(1, 2, wspace=0.16)
                left, right = figure.add_subplot(pair[0]), figure.add_subplot(pair[1])
                image = _spectrogram(right, row, clip, sample_rate, scale)
                if row.first == "bands":
                    _bands(left, rows[0], row, clip)
                    right.tick_params(labelleft=False)
                else:
                    _waveform(left, rows[0], row, clip, sample_rate)
                left.set_title(FIRST[row.first])
                if row.notes:
                    right.set_title(row.notes[clip], color=AFTER)
                if number == 0:
                    right.set_title("log-mel: mel band over time")
                    left.text(0, 1.3, title, transform=left.transAxes, fontsize=10, weight="bold", va="bottom")
            top = grid[number, 0].get_position(figure).y1
            figure.text(0.2 / width, top, row.title, fontsize=9.5, weight="bold", va="top")
            figure.text(0.2 / width, top - 0.21 / height, row.setting, color=MUTED, va="top", linespacing=1.35)
        figure.text(0.2 / width, 1 - 0.2 / height, "Augmentation", fontsize=14, weight="bold", va="top")
        _key(figure, image, width, height)
        return figure


def loudest_moment(waveform: np.ndarray, sample_rate: int) -> slice:
    """MOMENT seconds of a waveform (S,), around its loudest sample as far as its ends allow."""
    samples = round(MOMENT * sample_rate)
    start = int(np.abs(waveform).argmax()) - samples // 2
    start = max(0, min(start, len(waveform) - samples))
    return slice(start, start + samples)


def _waveform(axes: Axes, original: Row, row: Row, clip: int, sample_rate: int) -> None:
    before, after = original.waveform[clip].numpy(), row.waveform[clip].numpy()
    if row.first == "moment":
        shown = loudest_moment(before, sample_rate)
        milliseconds = np.arange(len(before))[shown] * 1000 / sample_rate
        axes.plot(milliseconds, before[shown], color=BEFORE, linewidth=1.6)
        axes.plot(milliseconds, after[shown], color=AFTER, linewidth=1)
        axes.set_xticks(milliseconds[[0, len(milliseconds) // 2, -1]].round())
        axes.xaxis.set_major_formatter("{x:g} ms")
    else:
        columns = np.array_split(after, COLUMNS)
        seconds = np.linspace(0, len(after) / sample_rate, COLUMNS)
        least, most = [part.min() for part in columns], [part.max() for part in columns]
        axes.fill_between(seconds, least, most, color=BEFORE if row is original else AFTER, linewidth=0.4)
        limit = 1.4 * float(max(np.abs(before).max(), np.abs(after).max())) or 1.0  # silence
        axes.set_ylim(-limit, limit)
        _seconds(axes, len(after) / sample_rate)
    axes.locator_params(axis="y", nbins=3)
    axes.spines[["top", "right"]].set_visible(False)


def _bands(axes: Axes, original: Row, row: Row, clip: int) -> None:
    bands = original.log_mel.shape[2]
    for one, colour, line in ((original, BEFORE, 1.8), (row, AFTER, 1.0)):
        axes.plot(one.log_mel[clip, 0].mean(1).numpy(), np.arange(bands) + 0.5, color=colour, linewidth=line)
    axes.set_ylim(0, bands)
    axes.set_yticks([0, bands // 2, bands])
    axes.locator_params(axis="x", nbins=4)
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _spectrogram(axes: Axes, row: Row, clip: int, sample_rate: int, scale: np.ndarray) -> Any:
    bands, seconds = row.log_mel.shape[2], row.waveform.shape[1] / sample_rate
    image = axes.imshow(
        row.log_mel[clip, 0].numpy(),
        cmap=COLOURS,
        vmin=scale[0],
        vmax=scale[1],
        origin="lower",
        aspect="auto",
        extent=(0, seconds, 0, bands),
        interpolation="nearest",
    )
    axes.set_yticks([0, bands // 2, bands])
    _seconds(axes, seconds)
    return image


def _seconds(axes: Axes, seconds: float) -> None:
    axes.set_xlim(0, seconds)
    axes.set_xticks([0, seconds / 2, seconds])
    axes.xaxis.set_major_formatter("{x:g} s")


def _key(figure: Figure, image: Any, width: float, height: float) -> None:
    bar = figure.add_axes((LEFT / width, 0.45 / height, 2.4 / width, 0.11 / height))
    figure.colorbar(image, cax=bar, orientation="horizontal").set_label("normalised log-mel", labelpad=1)
    for place, text, colour in ((2.9, "before", BEFORE), (3.7, "after", AFTER)):
        figure.text((LEFT + place) / width, 0.43 / height, "■", color=colour, fontsize=11)
        figure.text((LEFT + place + 0.17) / width, 0.45 / height, text)


if __name__ == "__main__":
    raise SystemExit(recipe.run(preview))
