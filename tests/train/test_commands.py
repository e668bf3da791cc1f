"""Teacher, student and evaluate as commands on a tiny data set: what they write, refuse, repeat and continue."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.support import tiny_data
from tinyasc import recipe
from tinyasc.clips import Clips
from tinyasc.mel import MelConfig
from tinyasc.runs import trained
from tinyasc.runs.scores import predict
from train.compare import compare
from train.evaluate import evaluate
from train.fit import stage
from train.student import train_student
from train.targets import stored
from train.teacher import train_teacher

FIT = """
examples: {cache: true}
compute: {threads: 1, device: cpu}
fit:
  epochs: 3
  batch_size: 8
  learning_rate: 3.0e-3
  weight_decay: 0.0
  schedule: [{shape: exponential, epochs: 1}, {shape: hold, epochs: 1}, {shape: linear, epochs: 1, to: 0.005}]
"""
TEACHER = """
architecture: passt
model: {embed_dim: 16, depth: 1, num_heads: 2, s_patchout_f: 3}
mel: {n_fft: 1024, win_length: 800, hop_length: 320, n_mels: 128}
augmentation: {time_roll: 1600, frequency_mask: 8, mixup_alpha: 0.3, mixstyle_probability: 0.5}
"""
STUDENT = """
architecture: cp_mobile
model: {base_channels: 8, channels_multiplier: 1.5, expansion_rate: 1.5, n_blocks: [1, 1], strides: {b2: [2, 2]}}
mel: {n_fft: 1024, win_length: 800, hop_length: 640, n_mels: 64}
augmentation: {time_roll: 3200, mixstyle_probability: 0.5}
distillation: {}
"""


KILLED = """
import os, signal
from tinyasc import recipe
from train import student
from train.fit.task import Task

set_place = Task.set_place  # called before every step
def killed(task, epoch, step):
    return set_place(task, epoch, step) if (epoch, step) < (2, 1) else os.kill(os.getpid(), signal.SIGKILL)
Task.set_place = killed
recipe.run(student.train_student)
"""
"""The student's command, killed amid its third epoch: at the same step on a slow machine as on a fast one."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_h5: Path) -> Path:
    """data.h5, the recipes, and a teacher run."""
    folder = tmp_path_factory.mktemp("line")
    shutil.copy(tiny_h5, folder / "data.h5")
    (folder / "teacher.yaml").write_text(TEACHER + FIT)
    (folder / "student.yaml").write_text(STUDENT + FIT)
    assert recipe.run(train_teacher, arguments(folder, "teacher", "teacher")) == 0
    return folder


def arguments(folder: Path, kind: str, out: str, *more: str) -> list[str]:
    teacher = ["--teacher", str(folder / "teacher")] if kind == "student" else []
    data = ["--data", str(folder / "data.h5"), "--out", str(folder / out)]
    return ["--config", str(folder / f"{kind}.yaml"), *data, *teacher, *more]


def test_teacher_run_holds_its_model_and_its_logits_of_every_training_clip(folder):
    network, mel, card = trained.load(folder / "teacher", "teacher")
    figures = ["curves.png", "logits.h5", "metrics.csv", "metrics.jsonl"]
    assert sorted(card.files) == [*figures, "model.safetensors", "recipe.yaml"]
    assert (card.labels, card.data["train_devices"]) == (["high", "low"], ["a"])
    assert mel == MelConfig(n_fft=1024, win_length=800, hop_length=320, n_mels=128)
    assert card.accuracy["n"] == 2 * tiny_data.TEST
    assert len((folder / "teacher/metrics.csv").read_text().splitlines()) == 1 + 3
    with Clips(folder / "data.h5") as clips:
        answered = np.union1d(clips.indices("train"), clips.indices("test"))
        kept = stored.load(folder / "teacher", clips, answered)
        np.testing.assert_allclose(kept[answered], predict(network, mel, clips, answered), atol=1e-5)
    assert not (folder / "teacher.partial").exists()


def test_student_learns_and_the_same_seed_gives_the_same_bytes(folder, capsys):
    for out in ("first", "second"):
        more = ["--fit.epochs", "12", "--fit.schedule", "[{shape: hold}]", "--distillation.hard_weight", "0.9"]
        assert recipe.run(train_student, arguments(folder, "student", out, *more)) == 0
    first, second = (folder / out / trained.FILE for out in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
    card = json.loads((folder / "first/model_card.json").read_text())
    losses = [float(row.split(",")[1]) for row in (folder / "first/metrics.csv").read_text().splitlines()[1:]]
    assert losses[-1] < 0.7 * losses[0]
    assert [parent["stage"] for parent in card["lineage"]] == ["teacher"]
    assert (
        card["cost"]["deployed_parameters"]
        < card["cost"]["parameters"]
        == sum(
            value.size for name, value in load_file(first).items() if "running" not in name and "batches" not in name
        )
    )
    capsys.readouterr()
    assert recipe.run(evaluate, ["--model", str(folder / "first"), "--data", str(folder / "data.h5")]) == 0
    assert f"macro accuracy {card['accuracy']['macro']:.1%}" in capsys.readouterr().out


def test_answers_that_are_not_finite_are_refused_in_one_line(folder, capfd, monkeypatch):
    monkeypatch.setattr(stage, "predict", lambda network, mel, clips, indices: np.full((len(indices), 2), np.inf))
    one = ["--fit.epochs", "1", "--fit.schedule", "[]"]
    assert recipe.run(train_student, arguments(folder, "student", "wild", *one)) == 1
    said = capfd.readouterr().err.strip().splitlines()[-1]
    assert "answers to the test clips is not finite: lower --fit.learning_rate" in said
    assert [path.name for path in folder.glob("wild*")] == ["wild.partial"]


@pytest.mark.parametrize(("keep", "other"), [("best", "last"), ("last", "best")])
def test_a_dry_run_names_the_files_that_the_run_writes(folder, capsys, keep, other):
    more = ["--examples.validation", "0.3", "--fit.keep", keep, "--fit.epochs", "1", "--fit.schedule", "[]"]
    command = arguments(folder, "student", f"kept_{keep}", *more)
    assert recipe.run(train_student, [*command, "--dry_run"]) == 0
    named = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("  in the end")).split(": ")[
        -1
    ]
    assert recipe.run(train_student, command) == 0
    written = {path.name for path in (folder / f"kept_{keep}").iterdir()}
    assert set(named.split(", ")) == written > {f"{other}.safetensors"}


@pytest.mark.slow
def test_killed_student_goes_on_and_ends_with_the_same_weights(folder, capfd):
    more = ["--fit.epochs", "5", "--seed", "3"]
    command = [sys.executable, "-c", KILLED, *arguments(folder, "student", "killed", *more)]
    killed = subprocess.run(command, check=False, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (folder / "killed.partial/checkpoint.pt").exists()
    assert recipe.run(compare, [str(folder / "killed"), "--out", str(folder / "compare.png")]) == 0
    shown = capfd.readouterr().out
    assert "not finished" in shown
    assert "2 of 5" in shown
    assert not (folder / "killed").exists()
    assert recipe.run(train_student, arguments(folder, "student", "killed", *more)) == 0
    assert "going on after epoch 2 " in "".join(capfd.readouterr())
    assert recipe.run(train_student, arguments(folder, "student", "whole", *more)) == 0
    killed, whole = (folder / out / trained.FILE for out in ("killed", "whole"))
    assert killed.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--model.base_channels", "30"], "base_channels is 30"),
        (["--architecture", "resnet"], "unknown architecture"),
        (["--mel.sample_rate", "44100"], "32000 Hz"),
        (["--teacher", "nowhere"], "make teacher"),
        (["--mel.hop_length", "0"], "mel: take hop_length"),
        (["--augmentation.mixstyle_probability", "2"], "mixstyle_probability is 2"),
        (["--compute.threads", "0"], "threads is 0"),
        (["--compute.precision", "float16"], "float16 needs a CUDA device"),
        (["--seed", "-1"], "seed is -1"),
        (["--mel", "null"], "cp_mobile takes log-mel spectrograms: give the settings of --mel"),
        (["--architecture", "acdnet", "--model", "{}"], "acdnet takes the waveform: give --mel null"),
        (["--architecture", "tf_sepnet", "--model", "{}", "--mel.n_mels", "8"], "cannot take 8 x 50"),
        (["--fit.learning_rate", "1e30"], "take a rate above zero, at most 10"),
        (["--examples.windows_per_recording", "1"], "cache keeps the spectrograms of fixed pieces"),
        (
            ["--examples.windows_per_recording", "1", "--examples.cache", "false"],
            "stored logits are of the fixed pieces",
        ),
        (["--examples.subset", "split5"], "no subset split5: choose from train, test, neither"),
        (["--augmentation.gain", "3"], "cache keeps finished spectrograms"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_run(folder, capfd, more, message):
    assert recipe.run(train_student, arguments(folder, "student", "bad", *more)) == 1
    error = capfd.readouterr().err.strip().splitlines()[-1]
    assert message in error
    assert not (folder / "bad").exists()
    assert not (folder / "bad.tmp").exists()
