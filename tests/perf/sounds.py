"""A folder of made-up recordings as large as a benchmark wants, in TAU's layout, and what the field makes of it."""

import os
from pathlib import Path

import numpy as np
import soundfile

RATE = 44_100
PIECES = 10


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
