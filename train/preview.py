"""Command: what each augmentation does to a few training clips, as one picture.

    python -m train.preview --data FILE.h5 --out preview.png

One row an augmentation, as its file in train/data/augmentations says.

Shapes: B clips of the batch that the changes see, n of them drawn, S samples, F mel bands, T frames.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from tinyasc import front_end, recipe
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.mel import MelConfig
from tinyasc.mel_torch import LogMel
from tinyasc.runs import picture
from train.data.augment import AugmentConfig, Augmenter
from train.data.augmentations import AUGMENTATIONS
from train.report import preview_picture
from train.report.preview_picture import Row

BATCH = 16
"""Clips that mixup and MixStyle choose partners from."""
MOST = 8
"""Clips that a picture has room for."""
PREVIEWS = [entry for kind in AUGMENTATIONS for entry in kind.previews]
"""The rows: all augmentations with the settings of published recipes."""


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
    picture.write(preview_picture.draw(shown, titles, source.sample_rate), out)
    print(f"wrote {out}")


def chosen(source: Clips, train: np.ndarray, seed: int) -> np.ndarray:
    """Clips of the batch, from `train`: first one of each scene, then others; int64 (B,)."""
    order = np.random.default_rng(seed).permutation(train)
    _, firsts = np.unique(source.label[order], return_index=True)
    return np.concatenate([order[np.sort(firsts)], np.delete(order, firsts)])[:BATCH]


def rows(source: Clips, batch: np.ndarray, mel: MelConfig, seed: int) -> Iterator[Row]:
    """The original clips, random slicing where there is room for it, and each of PREVIEWS.

    Args:
        source: the data set.
        batch: int64 (B,), training clips.
        mel: front end.
        seed: every change is drawn from it anew.
    """
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


if __name__ == "__main__":
    raise SystemExit(recipe.run(preview))
