"""Two processes train as one does: each takes its half of every step, and they stop and go on together."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tinyasc import recipe
from train.teacher import train_teacher

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
RECIPE = """
architecture: passt
model: {embed_dim: 8, depth: 1, num_heads: 2, s_patchout_f: 0, s_patchout_t: 0, drop_rate: 0.0}
mel: {n_fft: 1024, win_length: 800, hop_length: 320, n_mels: 128}
augmentation: {}
examples: {cache: true, validation: 0.2}
compute: {threads: 1, device: cpu}
fit:
  epochs: 12
  batch_size: 8
  learning_rate: 1.0e-3
  weight_decay: 0.0
  optimizer: sgd
  clip_norm: 1.0
  accumulate: 2
  checkpoint_minutes: 1.0e-5
  schedule: []
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_h5: Path) -> Path:
    folder = tmp_path_factory.mktemp("processes")
    shutil.copy(tiny_h5, folder / "data.h5")
    (folder / "recipe.yaml").write_text(RECIPE)
    return folder


def arguments(folder: Path, name: str, *more: str) -> list[str]:
    files = ["--config", str(folder / "recipe.yaml"), "--data", str(folder / "data.h5")]
    return [*files, "--out", str(folder / name), *more]


def test_two_processes_end_with_the_weights_of_one_though_they_were_stopped(folder: Path) -> None:
    assert recipe.run(train_teacher, arguments(folder, "one")) == 0
    command = [sys.executable, "-m", "train.teacher", *arguments(folder, "two", "--compute.devices", "2")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        while process.poll() is None and not (folder / "two.partial/checkpoint.pt").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)  # the other one is told
        stopped = process.communicate()[0]
    assert process.returncode == 130, stopped
    assert stopped.count("the same command goes on from there") == 1
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("going on after epoch") == done.stdout.count("wrote ") == 1
    one, two = (load_file(folder / name / "model.safetensors") for name in ("one", "two"))
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, atol=2e-6, err_msg=name)
    ours, theirs = (columns(folder / name / "metrics.csv") for name in ("one", "two"))
    np.testing.assert_allclose(theirs, ours, atol=1e-5)


def columns(path: Path) -> np.ndarray:
    """Epoch, loss and accuracy of each row."""
    return np.array([row.split(",")[:3] for row in path.read_text().splitlines()[1:]], float)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--fit.batch_size", "6"), "take a batch_size that 4 divides"),
        (("--fit.keep", "best", "--examples.validation", "0"), "keep best needs clips to choose by"),
    ],
)
def test_what_cannot_be_shared_is_said_once_before_others_start(
    folder: Path, capfd: pytest.CaptureFixture[str], more: tuple[str, ...], message: str
) -> None:
    assert recipe.run(train_teacher, arguments(folder, "bad", "--compute.devices", "2", *more)) == 1
    assert capfd.readouterr().err.count(message) == 1
