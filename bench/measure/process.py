"""Other programs, run to their end: none of them may keep this one waiting for ever, and none outlives it.

Each is the leader of a process group of its own, so that what it started ends with it.
"""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tinyasc.errors import UserError

MINUTE = 60.0
"""Seconds."""
SOURCES = Path(__file__).parents[2]
"""The folder of bench, deploy and tinyasc."""
_running: set[subprocess.Popen[str]] = set()


def run(
    command: Sequence[str | Path], what: str, *, seconds: float, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program without a terminal, and return its exit code and what it wrote.

    Args:
        command: program and arguments.
        what: what it is for, with which the message begins.
        seconds: far more than it ever took; after them it hangs.
        environment: its variables; None: those of this process.

    Raises:
        UserError: it did not end in time, and was ended.
        OSError: it does not start.
    """
    nothing, pipe = subprocess.DEVNULL, subprocess.PIPE
    with subprocess.Popen(
        command, stdin=nothing, stdout=pipe, stderr=pipe, text=True, env=environment, process_group=0
    ) as process:
        _running.add(process)
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            minutes = f"{seconds / MINUTE:g} minutes"
            raise UserError(
                f"{what}: {Path(command[0]).name} did not end within {minutes}, so it was stopped"
            ) from None
        finally:
            _end(process)
            process.wait()  # after Ctrl-C nobody else does
            _running.discard(process)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def project_environment() -> dict[str, str]:
    """Variables of a process that imports modules of this project, whatever its Python and its folder."""
    paths = [str(SOURCES), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def end_all() -> None:
    """End what `run` is waiting for, in whatever thread."""
    for process in list(_running):
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    if process.returncode is None:  # else its number may be another's by now
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
