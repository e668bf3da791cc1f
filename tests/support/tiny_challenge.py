"""A development set and an evaluation set in DCASE's form, prepared, and export runs of a tiny network, for tests."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support import tiny_models
from tinyasc import artifact
from tinyasc.dcase import DEVICES, SCENES
from tinyasc.mel import MelConfig
from tinyasc.prepare import prepare

MEL = MelConfig(n_mels=tiny_models.F, hop_length=6399, n_fft=1024, win_length=800)  # one second gives 8 x 6
EVALUATION = 12
"""Files of the evaluation set."""


def write_development(folder: Path) -> Path:
    """One training clip of each scene, one test clip of each scene by each device; returns the .h5 file."""
    rows = [(scene, "oslo", 1, "a") for scene in SCENES]
    rows += [(scene, "rome", 2, device) for scene in SCENES for device in DEVICES]
    named = [
        (f"audio/{s}-{city}-{place}-{place}-0-{device}.wav", s, city, place, device) for s, city, place, device in rows
    ]
    meta = [f"{file}\t{scene}\t{city}-{place}\t{device}" for file, scene, city, place, device in named]
    splits = {
        city: [f"{file}\t{scene}" for file, scene, other, *_ in named if other == city] for city in ("oslo", "rome")
    }
    _write_sounds(folder, [file for file, *_ in named])
    _write_table(folder / "meta.csv", "filename\tscene_label\tidentifier\tsource_label", meta)
    _write_table(folder / "evaluation_setup/fold1_train.csv", "filename\tscene_label", splits["oslo"])
    _write_table(folder / "evaluation_setup/fold1_evaluate.csv", "filename\tscene_label", splits["rome"])
    prepare(folder, folder.with_suffix(".h5"), processes=1)
    return folder.with_suffix(".h5")


def write_evaluation(folder: Path) -> Path:
    """Files 0.wav and so on without labels, by devices that are named, as in 2025; returns the .h5 file."""
    files = [f"audio/{number}.wav" for number in range(EVALUATION)]
    _write_sounds(folder, files)
    rows = [f"{file}\t{DEVICES[number % len(DEVICES)]}" for number, file in enumerate(files)]
    _write_table(folder / "evaluation_setup/fold1_test.csv", "filename\tdevice_id", rows)
    prepare(folder, folder.with_suffix(".h5"), processes=1)
    return folder.with_suffix(".h5")


def write_run(run: Path, subset: str, labels: tuple[str, ...] = SCENES, seed: int = 1) -> Path:
    """An export run of an INT8 .tflite whose card says which subset it was trained on."""
    with pytest.MonkeyPatch.context() as patch, artifact.new_run(run) as new:
        patch.setattr(tiny_models, "CLASSES", len(labels))
        tiny_models.write_tflite(new.path("model.tflite"), True, tiny_models.random_weights(seed))
        _write_drop_in(new.path("drop_in.tflite"), len(labels))
        new.card = artifact.ModelCard(
            stage="export",
            architecture="tiny",
            config={},
            mel=asdict(MEL),
            labels=list(labels),
            cost={},
            accuracy={},
            data={"subset": subset},
            seed=0,
        )
    return run


def _write_drop_in(path: Path, classes: int) -> None:
    """The scores of one dense layer over a second of sound, at 32 kHz."""
    file, random = tiny_models.Flatbuffer(), np.random.default_rng(7)
    sound = file.tensor("sound", (1, 32_000), "float32")
    weights = file.tensor("weights", (classes, 32_000), "float32", random.standard_normal((classes, 32_000)) / 50)
    logits = file.tensor("logits", (1, classes), "float32")
    scores = file.tensor("scores", (1, classes), "float32")
    file.operation("FULLY_CONNECTED", [sound, weights, -1], [logits], kind="FullyConnectedOptions")
    file.operation("SOFTMAX", [logits], [scores], kind="SoftmaxOptions", beta=1.0)
    file.write(path, [sound], [scores])


def _write_sounds(folder: Path, files: list[str]) -> None:
    random = np.random.default_rng(len(files))
    (folder / "audio").mkdir(parents=True)
    (folder / "evaluation_setup").mkdir()
    for file in files:
        loudness = np.exp(random.uniform(-6, -1))
        soundfile.write(folder / file, loudness * random.standard_normal(32_000).clip(-3, 3) / 3, 32_000, "PCM_16")


def _write_table(path: Path, header: str, rows: list[str]) -> None:
    path.write_text("\n".join([header, *rows]) + "\n")
