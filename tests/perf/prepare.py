"""Preparing a folder, and reading random seconds of it.

The field's way, as in the code of many entries of DCASE Task 1: librosa.load and torch.save of each file, torch.load of
one such file for each example.
"""

import contextlib
import io
from pathlib import Path

import librosa  # pyright: ignore[reportMissingImports]  (`make perf` alone installs it)
import numpy as np
import torch

from tests.perf import sounds
from tests.perf.case import Case
from tinyasc.clips import Clips
from tinyasc.prepare import prepare

FILES = 1000
CLIPS = 1000


def cases(scratch: Path) -> list[Case]:
    """Both on one core; the files are in the system's cache for both ways."""
    root, saved = sounds.write(scratch / "set", FILES, FILES), scratch / "saved"
    saved.mkdir()
    paths = sorted((root / "audio").iterdir())
    out = scratch / "set.h5"

    def save_each() -> None:
        for path in paths:
            waveform, _ = librosa.load(path, sr=32_000)
            torch.save(torch.from_numpy(waveform), saved / f"{path.stem}.pt")

    def prepare_all() -> None:
        out.unlink(missing_ok=True)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            prepare(root, out, processes=1)

    save_each()
    prepare_all()
    clips = Clips(out)
    random = np.random.default_rng(0)
    chosen = random.permutation(FILES)[:CLIPS]
    first, last = clips.window_range(np.arange(len(clips)))
    starts = random.integers(first[chosen], last[chosen], endpoint=True)

    def load_each() -> list[torch.Tensor]:
        return [torch.load(saved / f"{paths[number].stem}.pt") for number in chosen]

    def read_windows() -> list[torch.Tensor]:
        return [torch.from_numpy(clips.windows(part)) for part in np.split(starts, range(64, CLIPS, 64))]

    return [
        Case(f"prepare, {FILES:,} files of a second, 44.1 to 32 kHz", save_each, prepare_all, aim=5.0),
        Case(f"read {CLIPS:,} random seconds", load_each, read_windows, aim=3.0),
    ]
