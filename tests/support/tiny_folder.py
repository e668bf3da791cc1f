"""A folder of four noises in TAU's layout, for tests of `tinyasc.prepare`."""

from pathlib import Path

import numpy as np
import soundfile

from tinyasc import recipe
from tinyasc.prepare import prepare

FILES = {  # name: label, identifier, device, seconds, split
    "audio/park-oslo-1-2-0-a.wav": ("park", "oslo-1", "a", 1.0, "train"),
    "audio/park-oslo-1-2-1-a.wav": ("park", "oslo-1", "a", 1.0, "train"),
    "audio/dog-rome-9.wav": ("dog", "rome-9", "phone", 2.7, "evaluate"),
    "audio/cat.wav": ("cat", "rome-8", "phone", 0.2, None),
}


def write(folder: Path) -> Path:
    """Makes the folder: 32 kHz, full scale."""
    (folder / "audio").mkdir(parents=True)
    random = np.random.default_rng(1)
    meta = ["filename\tscene_label\tidentifier\tsource_label"]
    splits = {"train": ["filename\tscene_label"], "evaluate": ["filename\tscene_label"]}
    for file, (label, identifier, device, seconds, split) in FILES.items():
        loudest = np.array([-(2**15), 2**15 - 1])
        samples = np.append(loudest, random.integers(-(2**15), 2**15, round(32_000 * seconds) - 2)).astype(np.int16)
        soundfile.write(folder / file, samples, 32_000, "PCM_16")
        meta.append(f"{file}\t{label}\t{identifier}\t{device}")
        if split:
            splits[split].append(f"{file}\t{label}")
    (folder / "meta.csv").write_text("\n".join(meta) + "\n")
    (folder / "evaluation_setup").mkdir()
    for split, lines in splits.items():
        (folder / f"evaluation_setup/fold1_{split}.csv").write_text("\n".join(lines) + "\n")
    return folder


def run(root: Path, *flags: str) -> int:
    """The command with one process, to set.h5 beside the folder."""
    return recipe.run(prepare, ["--root", str(root), "--out", f"{root}.h5", "--processes", "1", *flags])
