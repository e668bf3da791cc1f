"""A folder with all that `bench.boards.device.runner` needs: itself, model files, their raw inputs and settings.json.

The same files, inputs and settings give the same bytes and so the same digest, wherever and whenever it is made: a
device that holds a folder of that digest holds the same work.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bench.boards.device import runner
from tinyasc.errors import UserError

RUNNER = Path(runner.__file__)
TIME, COUNT = "time", "count"
LEAST_RUNS = 200
"""Of a latency: the 99th percentile then stands on two runs."""


@dataclass(frozen=True)
class Settings:
    """What the runner does with each model (its docstring says how)."""

    mode: str = TIME
    threads: tuple[int, ...] = (1, 4)
    kernels: tuple[str, ...] = ("default",)
    """"default" and "built-in"; only .tflite files have the second."""
    warm_up: int = 50
    runs: int = LEAST_RUNS
    block: int = 10
    """Short, so that a latency stands on many moments: LEAST_RUNS are 20 blocks."""
    steady_seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.mode == TIME and self.runs < LEAST_RUNS:
            raise UserError(f"{self.runs} runs are too few for a latency: take at least {LEAST_RUNS}")
        if self.mode == TIME and self.runs <= self.block:
            raise UserError(f"{self.runs} runs are one block of {self.block}: an interval needs two and more")
        if not self.threads or min(self.threads) < 1:
            raise UserError(f"threads are {self.threads}: give counts of 1 and more")


@dataclass(frozen=True)
class Bundle:
    """A bundle that was written."""

    folder: Path
    digest: str
    """sha256 over the names and the bytes of all its files."""
    models: dict[str, Path]
    """File name -> the model file it was copied from."""
    settings: Settings

    def inputs(self, file: str) -> np.ndarray:
        """Raw inputs of a model, (n, *input shape)."""
        return np.load(self.folder / _inputs(file), allow_pickle=False)


def write(folder: Path, models: Mapping[str, Path], inputs: Mapping[str, np.ndarray], settings: Settings) -> Bundle:
    """Write a bundle into a new or empty folder.

    Args:
        folder: where to.
        models: file name in results -> model file.
        inputs: file name -> raw inputs (n, *input shape) in the type that the file takes.
        settings: of the measurement.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for file, path in models.items():
        shutil.copyfile(path, folder / file)
        np.save(folder / _inputs(file), inputs[file])
        kinds = settings.kernels if file.endswith(".tflite") else ("default",)
        entries += [{"file": file, "inputs": _inputs(file), "kernels": kernels} for kernels in kinds]
    shutil.copyfile(RUNNER, folder / RUNNER.name)
    described = {"format": runner.FORMAT, "models": entries, **asdict(settings)}
    del described["kernels"]
    (folder / "settings.json").write_text(json.dumps(described, indent=1) + "\n")
    return Bundle(folder, _digest(folder), dict(models), settings)


def _inputs(file: str) -> str:
    return f"{file}.npy"


def _digest(folder: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        whole.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()
