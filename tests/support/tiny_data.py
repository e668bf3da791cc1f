"""A prepared data set of two classes, two devices and 18 two-second recordings of tones in noise, for tests."""

from pathlib import Path

import numpy as np
import soundfile

from tinyasc.prepare import prepare

TONES = {"low": 400.0, "high": 3000.0}  # Hz
TRAIN, TEST = 12, 6  # clips a class


def write(folder: Path, seed: int = 0, train_devices: str = "a") -> Path:
    """Makes the data set under `folder` and returns the .h5 file; the training devices take turns."""
    random = np.random.default_rng(seed)
    (folder / "audio").mkdir(parents=True)
    (folder / "evaluation_setup").mkdir()
    meta = ["filename\tscene_label\tidentifier\tsource_label"]
    splits = {"train": ["filename\tscene_label"], "evaluate": ["filename\tscene_label"]}
    time = np.arange(32_000) / 32_000
    for label, tone in TONES.items():
        for number in range(TRAIN + TEST):
            recording, piece = divmod(number, 2)
            split, devices = ("train", train_devices) if number < TRAIN else ("evaluate", "ab")
            device = devices[recording % len(devices)]
            file = f"audio/{label}-oslo-{recording}-{recording}-{piece}-{device}.wav"
            frequency = tone * random.uniform(0.8, 1.25)
            sound = 0.1 * np.sin(2 * np.pi * frequency * time) + 0.05 * random.standard_normal(32_000)
            soundfile.write(folder / file, sound, 32_000, "PCM_16")
            meta.append(f"{file}\t{label}\toslo-{recording}\t{device}")
            splits[split].append(f"{file}\t{label}")
    (folder / "meta.csv").write_text("\n".join(meta) + "\n")
    for split, lines in splits.items():
        (folder / f"evaluation_setup/fold1_{split}.csv").write_text("\n".join(lines) + "\n")
    prepare(folder, folder / "data.h5", processes=1)
    return folder / "data.h5"
