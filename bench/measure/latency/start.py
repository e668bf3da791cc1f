"""What the first answer takes a fresh process: importing, loading the file, and the first inference.

Every process is new, and the files take turns. Whoever measures has loaded them and the packages before, so all comes
from memory; the first start after the machine's own takes the disk's time besides. Starting Python is not counted.
"""

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.measure import process
from bench.measure.latency import order_statistics
from bench.measure.latency.order_statistics import Median
from tinyasc.errors import UserError

ENOUGH_PROCESSES = 15
"""Of each file; with little time it is fewer, at least one."""
PATIENCE_SECONDS = 10 * process.MINUTE
"""A process takes seconds."""
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
    taken = [[_once(path) for path in files.values()]]
    while len(taken) < ENOUGH_PROCESSES and time.perf_counter() - begin < seconds * len(taken) / (len(taken) + 1):
        taken.append([_once(path) for path in files.values()])
    columns = np.array(taken).T  # (parts, files, processes)
    found = {}
    for place, file in enumerate(files):
        importing, loading, first = (order_statistics.median(part[place]) for part in columns)
        found[file] = Start(importing, loading, first, len(taken))
    return found


def _once(path: Path) -> list[float]:
    command = [sys.executable, "-m", "bench.measure.latency.first_inference", str(path)]
    found = process.run(
        command, f"the start of {path}", seconds=PATIENCE_SECONDS, environment=process.project_environment()
    )
    if found.returncode != 0:
        reason = (found.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(f"{path} cannot be started in a process of its own: {reason}")
    said = json.loads(found.stdout.splitlines()[-1])
    return [said[part] / 1e6 for part in PARTS]
