"""What the first answer takes a fresh process: importing, loading the file, and the first inference.

Every process is new, and the files take turns. Their bytes and those of the packages were read before, so they come from
memory; a first start after the machine's own takes the disk's time besides. Starting Python itself is not counted.
"""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.latency import order_statistics
from bench.latency.order_statistics import Median
from bench.latency.worker import environment
from tinyasc.errors import UserError

LEAST_PROCESSES = 3
"""Of each file, however little time there is."""
ENOUGH_PROCESSES = 15
PARTS = ("importing", "loading", "first")


@dataclass(frozen=True)
class Start:
    """Of one file, medians over processes in milliseconds, on one thread."""

    importing: Median
    """The runtime, NumPy and `deploy.runtime`."""
    loading: Median
    """From the path to allocated tensors."""
    first: Median
    """The first inference."""
    processes: int


def measure(files: Mapping[str, Path], seconds: float) -> dict[str, Start]:
    """Start every file in turn until the time is up.

    Raises:
        UserError: a process failed.
    """
    begin = time.perf_counter()
    for path in files.values():
        _once(path)  # from the disk
    taken: list[list[list[float]]] = []
    while len(taken) < LEAST_PROCESSES or (
        len(taken) < ENOUGH_PROCESSES and time.perf_counter() - begin < seconds * len(taken) / (len(taken) + 1)
    ):
        taken.append([_once(path) for path in files.values()])
    columns = np.array(taken)  # (processes, files, parts)
    return {
        file: Start(*(order_statistics.median(columns[:, place, part]) for part in range(len(PARTS))), len(taken))
        for place, file in enumerate(files)
    }


def _once(path: Path) -> list[float]:
    command = [sys.executable, "-m", "bench.latency.first_inference", str(path)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    if found.returncode != 0:
        reason = (found.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(f"{path} cannot be started in a process of its own: {reason}")
    said = json.loads(found.stdout)
    return [said[part] / 1e6 for part in PARTS]
