"""Preparing a folder, how much memory that takes, and reading random seconds of it.

The field's way, as in the code of many entries of DCASE Task 1: librosa.load and torch.save of each file, torch.load of
one such file for each example. The recordings are made up, in TAU's layout.
"""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

import librosa  # pyright: ignore[reportMissingImports]  (`make perf` alone installs it)
import numpy as np
import soundfile
import torch

from tests.perf.case import Case
from tinyasc.clips import Clips
from tinyasc.prepare import prepare

FILES = 1000
CLIPS = 1000
RATE = 44_100
PIECES = 10
ROOT = Path(__file__).parents[2]
RUN = """
import re, resource, sys
from pathlib import Path
from tinyasc.prepare import prepare
prepare(Path(sys.argv[1]), Path(sys.argv[2]), processes=2)
# getrusage would count what the process that started this one had in memory
own = re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]
print(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def cases(scratch: Path) -> list[Case]:
    """Both on one core; the files are in the system's cache for both ways."""
    root, saved = write(scratch / "set", FILES, FILES), scratch / "saved"
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


def peaks(scratch: Path, files: int) -> tuple[float, float]:
    """Peak resident memory of preparing, MB: of the command and of the larger of its two workers.

    It must not grow with the number of files beyond what their names take.
    """
    root = write(scratch / f"set{files}", files, different=1000)
    command = [sys.executable, "-c", RUN, str(root), str(scratch / f"set{files}.h5")]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    (scratch / f"set{files}.h5").unlink()
    own, worker = map(int, done.stdout.split()[-2:])
    return own / 1e3, worker / 1e3


def write(folder: Path, files: int, different: int) -> Path:
    """Ten-second recordings in one-second files of 44.1 kHz and 24 bits.

    Args:
        folder: where.
        files: how many.
        different: how many of them are written; the others are links to them, which take no space.
    """
    (folder / "audio").mkdir(parents=True)
    (folder / "evaluation_setup").mkdir()
    random = np.random.default_rng(0)
    names = [f"audio/park-oslo-{n // PIECES}-{n // PIECES}-{n % PIECES}-a.wav" for n in range(files)]
    for number, name in enumerate(names):
        if number < different:
            sound = 0.1 * np.cumsum(random.standard_normal(RATE)) / 50
            soundfile.write(folder / name, np.clip(sound, -1, 1), RATE, "PCM_24")
        else:
            os.link(folder / names[number % different], folder / name)
    rows = [f"{name}\tpark\toslo-{number // PIECES}\ta" for number, name in enumerate(names)]
    (folder / "meta.csv").write_text("\n".join(["filename\tscene_label\tidentifier\tsource_label", *rows]) + "\n")
    train = [name for number, name in enumerate(names) if number % (5 * PIECES) >= PIECES]
    tables = {"train": train, "evaluate": sorted(set(names) - set(train))}
    for split, chosen in tables.items():
        (folder / f"evaluation_setup/fold1_{split}.csv").write_text("\n".join(["filename", *chosen]) + "\n")
    return folder
