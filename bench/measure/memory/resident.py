"""What a process grows by when it loads and runs a model file, in the runtime of its suffix, on one thread.

Every reading is of a new process (`resident_child.py`), so that nothing is there that an earlier file left behind. Its
peak is /proc's VmHWM wherever there is one: that starts anew with a program, while Linux hands ru_maxrss down from the
process that started it. The files take turns, since the page cache and the load of the machine change.

The median lies between the least and the greatest of REPEATS = 6 readings with 95 % confidence, and of no fewer
(`bench.measure.latency.order_statistics`); so the range is given as the interval.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from bench.measure import process
from bench.measure.figure import Unmeasured
from tinyasc.errors import UserError

CHILD = Path(__file__).with_name("resident_child.py")
REPEATS = 6
INFERENCES = 20
PATIENCE_SECONDS = 10 * process.MINUTE
"""A process takes seconds."""
STAGES = ("started", "imported", "loaded", "first", "last")


@dataclass(frozen=True)
class Spread:
    """Of several readings of one thing, in bytes."""

    median: float
    least: int
    greatest: int

    @classmethod
    def of(cls, readings: list[int]) -> "Spread":
        return cls(float(np.median(readings)), min(readings), max(readings))


@dataclass(frozen=True)
class Resident:
    """What the processes that ran one file took."""

    readings: tuple[dict[str, Any], ...]
    """What each of them said: see resident_child.py."""

    @property
    def runtime(self) -> str:
        """Package and version."""
        return self.readings[0]["runtime"]

    @property
    def kind(self) -> str:
        """ "resident", or "peak so far" on a system without /proc."""
        return self.readings[0]["kind"]

    def stage(self, name: str) -> Spread:
        """Pages in memory at a stage of STAGES, or the "peak"."""
        return Spread.of([_resident(reading, name) for reading in self.readings])

    def increment(self, name: str) -> Spread:
        """The same over the imported runtime, process by process: what the model costs on top of it."""
        return Spread.of([_resident(one, name) - _resident(one, "imported") for one in self.readings])

    @property
    def runtime_increment(self) -> Spread:
        """What the import of the runtime costs on top of Python and numpy."""
        return Spread.of([_resident(one, "imported") - _resident(one, "started") for one in self.readings])

    @property
    def anonymous_increment(self) -> Spread | None:
        """Heap and stack after the last inference over the imported runtime: without pages that a file backs, such as
        the runtime's code as it is touched, or a mapped model file. None where the system does not tell."""
        taken = [reading["stages"] for reading in self.readings]
        if any(stages["last"]["anonymous"] is None for stages in taken):
            return None
        return Spread.of([stages["last"]["anonymous"] - stages["imported"]["anonymous"] for stages in taken])


def measure(files: Mapping[str, Path], repeats: int = REPEATS) -> dict[str, Resident | Unmeasured]:
    """Run every file `repeats` times, each time in a new process; one that does not run there is not asked again.

    Args:
        files: .tflite or .onnx, by name.
        repeats: processes a file.
    """
    readings: dict[str, list[dict[str, Any]]] = {name: [] for name in files}
    failed: dict[str, Unmeasured] = {}
    with tqdm(total=repeats * len(files), desc="memory", unit="process", leave=False) as bar:
        for _ in range(repeats):
            for name in [name for name in files if name not in failed]:
                said = _ask(files[name])
                if isinstance(said, Unmeasured):
                    failed[name] = said
                else:
                    readings[name].append(said)
                bar.update()
    return {name: failed.get(name) or Resident(tuple(readings[name])) for name in files}


def _ask(path: Path) -> dict[str, Any] | Unmeasured:
    # -P: the child's own folder does not come before the packages it imports
    command = [sys.executable, "-P", CHILD, path, str(INFERENCES)]
    environment = process.project_environment() | {"OPENBLAS_NUM_THREADS": "1"}
    try:
        done = process.run(command, f"memory of {path.name}", seconds=PATIENCE_SECONDS, environment=environment)
    except UserError as error:
        return Unmeasured(str(error))
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return Unmeasured(f"{path.name} does not run in a process of its own: {reason}")
    return json.loads(done.stdout.splitlines()[-1])


def _resident(reading: dict[str, Any], stage: str) -> int:
    return reading["peak"] if stage == "peak" else reading["stages"][stage]["resident"]
