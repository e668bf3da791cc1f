"""Other programs that hang, that are interrupted, and that others wait for."""

import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.measure import process
from tinyasc.errors import UserError

ROOT = Path(__file__).parents[3]
SLEEPS = ["sh", "-c", 'sleep 600 & echo $! > "$0"; wait']
"""It starts another that holds its output open; writes the number of that into a file."""


def number(file: Path) -> int:
    """What SLEEPS wrote, as soon as it has."""
    for _ in range(400):
        if file.is_file() and file.read_text().strip():
            return int(file.read_text())
        time.sleep(0.025)
    raise AssertionError("it never began")


def ended(pid: int) -> bool:
    """Whether a process ends within some seconds; one that nobody waits for has ended too."""
    for _ in range(400):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.025)
    return False


pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to look for processes in")


def test_what_ends_gives_its_code_and_words_and_no_terminal() -> None:
    done = process.run(["sh", "-c", "cat; echo out; echo error >&2; exit 3"], "a test", seconds=60)
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "error\n")


def test_what_hangs_is_ended_with_its_children_and_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^the arena: sh did not end within 0\.01 minutes, so it was stopped$"):
        process.run([*SLEEPS, tmp_path / "number"], "the arena", seconds=0.6)
    assert ended(number(tmp_path / "number"))


def test_ctrl_c_ends_it_with_its_children(tmp_path: Path) -> None:
    command = [*SLEEPS, str(tmp_path / "number")]
    code = f"from bench.measure import process; process.run({command!r}, 'a test', seconds=600)"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True) as asking:
        child = number(tmp_path / "number")
        asking.send_signal(signal.SIGINT)  # to it alone: no terminal tells the others
        _, said = asking.communicate(timeout=30)
    assert re.search("KeyboardInterrupt", said)
    assert ended(child)


def test_what_threads_wait_for_is_ended_together(tmp_path: Path) -> None:
    files = [tmp_path / name for name in "ab"]
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(process.run, [*SLEEPS, file], "a test", seconds=600) for file in files]
        children = [number(file) for file in files]
        process.end_all()
        assert [one.result(timeout=30).returncode for one in waiting] == [-signal.SIGKILL] * 2
    assert all(ended(child) for child in children)
