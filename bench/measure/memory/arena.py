"""The arena of TensorFlow Lite Micro: all memory but the model itself that the file needs on a microcontroller.

Its head holds the activations, which share their places as far as the library's planner finds out; its tail what stays:
tensors' and operations' structures, the kernels' quantized multipliers. While it loads, temporary structures need room
too: a small network takes more than head and tail together, so the smallest arena is found by trying. The library for
Python is built for 64-bit computers and records what it allocates; a 32-bit firmware's structures are somewhat smaller.
"""

import json
import re
import signal
from dataclasses import dataclass
from pathlib import Path

from bench.measure import environments, process
from bench.measure.figure import Unmeasured
from tinyasc.errors import UserError

CHILD = Path(__file__).with_name("arena_child.py")
MOST = 2**28
"""Bytes of the largest arena that is tried, far more than a microcontroller has."""
PATIENCE_SECONDS = 30 * process.MINUTE
"""Its kernels are slow, and each arena that is tried runs the file."""
MISSING = "tflite-micro is not there: `python -m bench.environments` installs it beside"
RECORDED = re.compile(r"^\[RecordingMicroAllocator\] Arena allocation (total|head|tail) (\d+) bytes$", re.MULTILINE)
UNKNOWN_OPERATION = re.compile(r"Didn't find op for builtin opcode '(\w+)'")


@dataclass(frozen=True)
class Allocations:
    """What `print_allocations` says, in bytes."""

    total: int
    head: int
    """Activations and scratch buffers."""
    tail: int
    """What stays from loading to the end."""


@dataclass(frozen=True)
class Arena:
    """What one file needs."""

    allocations: Allocations
    smallest: int
    """Bytes of the smallest arena in which it loaded and ran, within 16."""
    version: str
    """Of tflite-micro."""


def measure(file: Path, folder: Path = environments.FOLDER) -> Arena | Unmeasured:
    """Run a .tflite file in TensorFlow Lite Micro, in a process of the environment that has it.

    Args:
        file: a .tflite, with INT8 or float tensors.
        folder: where the environments lie (`bench.environments`).
    """
    if file.suffix != ".tflite":
        return Unmeasured("TensorFlow Lite Micro runs .tflite files only")
    python = environments.found(environments.TFLITE_MICRO, folder)
    if python is None:
        return Unmeasured(MISSING)
    # -P: the child's own folder does not come before the packages it imports
    command = [python, "-P", CHILD, file, str(MOST)]
    try:
        done = process.run(command, f"arena of {file.name}", seconds=PATIENCE_SECONDS)
    except UserError as error:
        return Unmeasured(str(error))
    if done.returncode != 0:
        return Unmeasured(_refusal(done.returncode, done.stderr))
    said = json.loads(done.stdout.splitlines()[-1])
    return Arena(parsed(done.stderr), said["smallest"], said["version"])


def parsed(text: str) -> Allocations:
    """The bytes in what `print_allocations` wrote."""
    return Allocations(**{part: int(size) for part, size in RECORDED.findall(text)})


def _refusal(code: int, stderr: str) -> str:
    """Why the child failed, in one line."""
    unknown = UNKNOWN_OPERATION.search(stderr)
    if unknown is not None:
        return f"tflite-micro has no operation {unknown[1]}"
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    if code < 0:
        last = f", after: {lines[-1]}" if lines else ""
        return f"tflite-micro ended with {signal.Signals(-code).name}{last}"
    return f"tflite-micro does not run it: {lines[0] if lines else f'exit code {code}'}"
