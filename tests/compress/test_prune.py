"""The command of pruning on a tiny data set: what it writes, what it refuses, and that it goes on when killed."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from compress.prune import prune_student
from compress.qat import train_qat
from tinyasc import artifact, cost, recipe
from tinyasc.runs import trained
from train.evaluate import evaluate
from train.student import train_student

pytestmark = pytest.mark.slow

MOBILE = {"base_channels": 8, "channels_multiplier": 1.5, "expansion_rate": 2.0}

FIT = """
  batch_size: 8
  learning_rate: 3.0e-3
  weight_decay: 0.0
  schedule: [{shape: hold}]
"""
STUDENT = f"""
architecture: cp_mobile
model: {MOBILE}
mel: {{n_fft: 1024, win_length: 800, hop_length: 640, n_mels: 64}}
augmentation: {{time_roll: 3200}}
distillation: {{}}
examples: {{cache: true}}
compute: {{threads: 1, device: cpu}}
fit: {FIT}  epochs: 2
"""
PRUNE = f"""
pruning: {{parameters: 3500, macs: 300000, rounds: 2, round_to: 2, clips: 8}}
augmentation: {{time_roll: 3200}}
distillation: {{}}
examples: {{cache: true}}
compute: {{threads: 1, device: cpu}}
round_fit: {FIT}  epochs: 1
fit: {FIT}  epochs: 2
"""
KILLED = """
import os, signal
from compress import prune
from tinyasc import recipe
from train.fit.task import Task

set_place = Task.set_place  # called before every step
def killed(task, epoch, step):
    amid = (task.config.epochs, epoch, step) == (2, 1, 1)
    return os.kill(os.getpid(), signal.SIGKILL) if amid else set_place(task, epoch, step)
Task.set_place = killed
recipe.run(prune.prune_student)
"""
"""The command, killed amid the last epoch of its second round."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_h5: Path) -> Path:
    """data.h5, the recipes, a student run, and `pruned`, made of it."""
    folder = tmp_path_factory.mktemp("prune")
    shutil.copy(tiny_h5, folder / "data.h5")
    (folder / "student.yaml").write_text(STUDENT)
    (folder / "prune.yaml").write_text(PRUNE)
    student = ["--config", str(folder / "student.yaml"), "--data", str(folder / "data.h5")]
    assert recipe.run(train_student, [*student, "--out", str(folder / "student")]) == 0
    assert recipe.run(prune_student, arguments(folder, "pruned")) == 0
    return folder


def arguments(folder: Path, out: str, *more: str) -> list[str]:
    given = ["--config", str(folder / "prune.yaml"), "--data", str(folder / "data.h5")]
    return [*given, "--model", str(folder / "student"), "--out", str(folder / out), *more]


def test_the_pruned_run_is_a_student_within_its_targets(folder: Path) -> None:
    network, _, card = trained.load(folder / "pruned", "student")
    counted = cost.measure(network, (1, 1, 64, 50)).to_dict()
    assert counted == card.cost
    assert (counted["deployed_parameters"] <= 3_500, counted["deployed_macs"] <= 300_000) == (True, True)
    assert all(channels % 2 == 0 for channels in card.config["channels"])
    stages = [(entry["stage"], entry["cost"]["deployed_parameters"]) for entry in card.lineage]
    assert [stage for stage, _ in stages] == ["student", "student"]  # what it was, and the first round
    assert stages[0][1] > stages[1][1] > counted["deployed_parameters"]
    assert not (folder / "pruned.partial").exists()


def test_the_pruned_run_is_evaluated_and_quantized_like_any_student(folder: Path) -> None:
    given = ["--model", str(folder / "pruned"), "--data", str(folder / "data.h5")]
    assert recipe.run(evaluate, [*given, "--device", "cpu"]) == 0
    qat = PRUNE[PRUNE.index("augmentation") : PRUNE.index("round_fit")] + f"fit: {FIT}  epochs: 2\nobserve_epochs: 1\n"
    (folder / "qat.yaml").write_text(qat)
    flags = ["--config", str(folder / "qat.yaml"), *given, "--out", str(folder / "qat")]
    assert recipe.run(train_qat, flags) == 0
    assert (
        artifact.load_card(folder / "qat").config["channels"]
        == artifact.load_card(folder / "pruned").config["channels"]
    )


def test_killed_it_goes_on_and_ends_with_the_same_bytes(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments(folder, "killed")], check=False)
    assert killed.returncode == -signal.SIGKILL
    trained.load(folder / "killed.partial/round-1", "student")
    assert recipe.run(prune_student, arguments(folder, "killed", "--seed", "1")) == 1
    assert "killed.partial/round-1 is of another recipe, data set or student" in capfd.readouterr().err
    assert recipe.run(prune_student, arguments(folder, "killed")) == 0
    assert "going on after epoch 1" in capfd.readouterr().out
    assert (folder / "killed/model.safetensors").read_bytes() == (folder / "pruned/model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--pruning.parameters", "500"], "the fewest channels leave"),
        (["--pruning.parameters", "1000000", "--pruning.macs", "1000000000"], "there is nothing to prune"),
        (["--pruning.rounds", "0"], "pruning: rounds is 0"),
        (["--compute.devices", "2"], "one process decides what is pruned"),
        (["--examples.subset", "split5"], "was trained on train"),
    ],
)
def test_what_cannot_be_is_one_line(
    folder: Path, flags: list[str], line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert recipe.run(prune_student, arguments(folder, "refused", *flags)) == 1
    error = capfd.readouterr().err
    assert line in error
    assert error.strip().count("\n") == 0
    assert not (folder / "refused").exists()


def test_dry_run_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert recipe.run(prune_student, arguments(folder, "dry", "--dry_run")) == 0
    assert "dry run, nothing is written" in capsys.readouterr().out
    assert not list(folder.glob("dry*"))
