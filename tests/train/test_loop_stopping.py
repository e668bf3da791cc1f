"""A run that is stopped anywhere, by real signals, goes on with the same command and ends with the same bytes."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
RECIPE = """
architecture: passt
model: {embed_dim: 8, depth: 1, num_heads: 2, s_patchout_f: 3, drop_rate: 0.2}
mel: {n_fft: 1024, win_length: 800, hop_length: 320, n_mels: 128}
augmentation: {gain: 3.0, noise_probability: 0.5, time_roll: 1600, mixup_alpha: 0.3, mixstyle_probability: 0.5}
examples: {windows_per_recording: 3, validation: 0.3}
compute: {threads: 1, device: cpu}
fit:
  epochs: 3
  batch_size: 8
  learning_rate: 3.0e-3
  weight_decay: 0.01
  optimizer: adamw
  accumulate: 2
  clip_norm: 1.0
  average: 0.9
  keep: best
  checkpoint_minutes: 1.0e-5
  schedule: [{shape: linear, epochs: 1}, {shape: cosine, epochs: 2}]
"""
"""Everything random that there is, and everything that a checkpoint holds. An epoch has 3 steps, with a checkpoint
after each; `set_place` is called once more at its end."""

Train = Callable[..., int]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_h5: Path) -> Path:
    folder = tmp_path_factory.mktemp("stopping")
    shutil.copy(tiny_h5, folder / "data.h5")
    (folder / "recipe.yaml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def train(folder: Path):
    """Trains to a run of a name, stopped somewhere or not; the exit code."""
    command = [sys.executable, "-m", "tests.support.stopped"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        given, answers = process.stdin, process.stdout

        def train(name: str, *at: str | int, more: tuple[str, ...] = ()) -> int:
            files = ["--config", str(folder / "recipe.yaml"), "--data", str(folder / "data.h5")]
            arguments = [*files, "--out", str(folder / name), *more]
            task = {"arguments": arguments, "output": str(folder / f"{name}.log"), "at": at}
            given.write(json.dumps(task) + "\n")
            given.flush()
            return int(answers.readline())

        assert train("whole") == 0, (folder / "whole.log").read_text()
        yield train
        given.close()


def same(folder: Path, name: str) -> bool:
    """Whether a run holds the weights of the one that was never stopped, the best and the last ones."""
    files = ("model.safetensors", "last.safetensors")
    return all((folder / name / file).read_bytes() == (folder / "whole" / file).read_bytes() for file in files)


@pytest.mark.parametrize(
    ("at", "code", "goes_on"),
    [
        (("SIGKILL", "step", 2), -9, "in epoch 1 after step 1 of 3"),
        (("SIGKILL", "replace", 8), -9, "after epoch 1"),
        (("SIGINT", "step", 6), 130, "in epoch 2 after step 2 of 3"),
        (("SIGTERM", "step", 7), 130, "after epoch 2"),
        (("SIGKILL", "draw", 1), -9, "after epoch 3"),
    ],
)
def test_stopped_anywhere_the_same_command_ends_with_the_same_bytes(
    folder: Path, train: Train, at: tuple[str, str, int], code: int, goes_on: str
) -> None:
    name = "-".join(map(str, at))
    assert train(name, *at) == code, (folder / f"{name}.log").read_text()
    assert not (folder / name).exists()
    if code == 130:
        assert "the same command goes on from there" in (folder / f"{name}.log").read_text()
        assert {"metrics.csv", "curves.png"} < {path.name for path in (folder / f"{name}.partial").iterdir()}
    assert train(name) == 0
    assert f"going on {goes_on} " in (folder / f"{name}.log").read_text()
    assert same(folder, name)
    assert [path.name for path in folder.glob(f"{name}*") if path.is_dir()] == [name]


def test_a_damaged_checkpoint_is_refused_and_the_one_before_is_used(folder: Path, train: Train) -> None:
    assert train("damaged", "SIGKILL", "step", 7) == -9
    newest = folder / "damaged.partial/checkpoint.pt"
    newest.write_bytes(newest.read_bytes()[:-1000])
    assert train("damaged") == 0
    log = (folder / "damaged.log").read_text()
    assert f"{newest} is damaged" in log
    assert "going on in epoch 2 after step 1 of 3" in log
    assert same(folder, "damaged")


def test_a_checkpoint_of_another_recipe_is_left_alone(folder: Path, train: Train) -> None:
    assert train("other", "SIGTERM", "step", 2) == 130
    before = (folder / "other.partial/checkpoint.pt").read_bytes()
    assert train("other", more=("--fit.learning_rate", "1e-4")) == 1
    assert "other.partial is of another recipe" in (folder / "other.log").read_text()
    assert (folder / "other.partial/checkpoint.pt").read_bytes() == before
