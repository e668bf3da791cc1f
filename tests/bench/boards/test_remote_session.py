"""A session with a device: this machine, with its own Python or one that answers as another device would."""

import re
import shlex
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.boards.device import bundle
from bench.boards.device.bundle import Bundle, Settings
from bench.boards.remote import environment
from bench.boards.remote.session import Session
from bench.boards.remote.transport import LostError
from deploy import runtime
from tests.support import tiny_models
from tests.support.local_device import Local
from tests.support.tiny_device import answered, device, runs
from tinyasc.errors import UserError

FILES = {"model.tflite": True, "model.onnx": True}
"""And whether their networks compute in integers."""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder, weights = tmp_path_factory.mktemp("work"), tiny_models.random_weights()
    tiny_models.write_tflite(folder / "model.tflite", True, weights)
    tiny_models.write_onnx(folder / "model.onnx", True, weights)
    models = {file: folder / file for file in FILES}
    log_mel = np.random.default_rng(0).standard_normal((5, tiny_models.F, tiny_models.T))
    inputs = {file: runtime.load(path).quantize(log_mel) for file, path in models.items()}
    return bundle.write(folder / "bundle", models, inputs, Settings(threads=(1,), warm_up=3, block=100))


def session(transport: Local, work: Bundle, said: list[str] | None = None) -> Session:
    return Session(transport, work, (said if said is not None else []).append, poll_seconds=0.05, patience_seconds=0)


@pytest.fixture(scope="module")
def recorded(work: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the runner writes, for devices that only play it."""
    home = tmp_path_factory.mktemp("recorded") / "home"
    kept = session(device(home), work)
    kept.measure(FILES, keep=True)
    return home / kept.folder / "out"


def test_a_device_is_measured_and_left_as_it_was(work: Bundle, tmp_path: Path) -> None:
    said: list[str] = []
    home = tmp_path / "home"
    content = session(device(home), work, said).measure(integer=FILES)
    assert list(home.iterdir()) == []
    assert runs(home) == 1
    assert [entry.runs for entry in content.latency] == [200, 200]
    times = [[entry.median.value or 0, entry.p95.value or 0, entry.p99.value or 0] for entry in content.latency]
    assert all(0 < median <= p95 <= p99 for median, p95, p99 in times)
    # The same machine, the same runtimes, another process: nothing may differ.
    assert [(entry.agreed, entry.differing.value, entry.same_top1) for entry in content.equality] == [
        (True, 0, 5),
        (True, 0, 5),
    ]
    assert abs(content.board.clock_offset_seconds or 0.0) < 5
    assert "nothing is installed" in said[1]
    assert said[-1] == "nothing is left on this machine"


class Flaky(Local):
    """Loses the connection at one call, before or after the device has done what it was told."""

    def __init__(self, transport: Local, call: int, heard: bool):
        super().__init__(transport.home, transport.python)
        self.calls_left, self.heard = call, heard

    def run(self, command: str, given: bytes = b"") -> str:
        return self._flaky(lambda: Local.run(self, command, given))

    def send(self, folder: Path, to: str) -> None:
        self._flaky(lambda: Local.send(self, folder, to))

    def fetch(self, folder: str, to: Path) -> None:
        self._flaky(lambda: Local.fetch(self, folder, to))

    def _flaky(self, act: Callable):
        self.calls_left -= 1
        if self.calls_left == 0:
            if self.heard:
                act()
            raise LostError("broken pipe")
        return act()


@pytest.mark.slow
@pytest.mark.parametrize("heard", [False, True])
def test_the_same_command_goes_on_wherever_the_connection_was_lost(
    work: Bundle, recorded: Path, tmp_path: Path, heard: bool
) -> None:
    played = f'case "$1" in bundle/runner.py) cp -r {shlex.quote(str(recorded))} out; sleep 0.1; exit 0;; esac'
    for call in range(1, 30):
        home = tmp_path / f"{call}"
        transport = device(home, instead=played)
        try:
            session(Flaky(transport, call, heard), work).measure(FILES)
            break  # it takes fewer calls
        except UserError as error:
            lost = str(error)
        assert "does not answer" in lost if call == 1 else "the same command goes on" in lost or "left on" in lost
        session(transport, work).measure(FILES)
        assert runs(home) == 1, call
        assert list(home.iterdir()) == []
    assert call > 8


def test_ctrl_c_says_what_is_left_and_the_device_goes_on(work: Bundle, recorded: Path, tmp_path: Path) -> None:
    home, said = tmp_path / "home", []
    transport = device(home, instead=f'case "$1" in bundle/*) cp -r {shlex.quote(str(recorded))} out; exit 0;; esac')

    class Interrupted(Local):
        def run(self, command: str, given: bytes = b"") -> str:
            answer = super().run(command, given)
            if "nohup" in command:
                raise KeyboardInterrupt
            return answer

    with pytest.raises(KeyboardInterrupt):
        session(Interrupted(home, transport.python), work, said).measure(FILES)
    assert re.search(r"left on this machine: (\.tinyasc/\w{16}); the same command goes on.*; rm -r \1`", said[-1])
    session(transport, work).measure(FILES)
    assert runs(home) == 1


def test_a_runner_that_was_killed_is_said_to_be_and_starts_anew(work: Bundle, recorded: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with pytest.raises(UserError, match="it was killed, or the device restarted; nothing is left"):
        session(device(home, instead='case "$1" in bundle/runner.py) kill -9 $PPID; exit;; esac'), work).measure(FILES)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("instead", "message"),
    [
        ('case "$1" in bundle/runner.py) echo "model.tflite does not run: bad" ; exit 1;; esac', "does not run: bad"),
        (
            'case "$1" in bundle/runner.py) mkdir out; echo "{" > out/measured.json; exit 0;; esac',
            "sent no measurement",
        ),
    ],
)
def test_a_measurement_that_fails_leaves_nothing_unless_asked(
    work: Bundle, tmp_path: Path, instead: str, message: str
) -> None:
    home = tmp_path / "home"
    transport = device(home, instead=instead)
    with pytest.raises(UserError, match=f"{message}.*left on this machine: .tinyasc/"):
        session(transport, work).measure(FILES, keep=True)
    assert list(home.iterdir())
    with pytest.raises(UserError, match=f"{message}.*nothing is left on this machine"):
        session(transport, work).measure(FILES)
    assert list(home.iterdir()) == []


def test_a_kept_failure_is_begun_anew_and_a_kept_measurement_is_called_one(
    work: Bundle, recorded: Path, tmp_path: Path
) -> None:
    home, said = tmp_path / "home", []
    broken = device(home, instead='case "$1" in bundle/runner.py) echo "bad luck"; exit 3;; esac')
    with pytest.raises(UserError, match="bad luck; left on this machine"):
        session(broken, work).measure(FILES, keep=True)
    whole = device(home, instead=f'case "$1" in bundle/*) cp -r {shlex.quote(str(recorded))} out; exit 0;; esac')
    session(whole, work, said).measure(FILES, keep=True)
    assert any("has failed before (bad luck): it is begun anew" in line for line in said)
    assert runs(home) == 2
    session(whole, work, said).measure(FILES)
    (kept,) = [line for line in said if "no new measurement" in line]
    assert re.search(r"it ended on this machine at 20\d\d-.* to measure anew, `rm -r \.tinyasc/\w{16}` there", kept)
    assert runs(home) == 2
    assert list(home.iterdir()) == []


def test_the_line_that_ctrl_c_gives_ends_the_runner_and_all_it_left(work: Bundle, tmp_path: Path) -> None:
    home, said = tmp_path / "home", []
    number = tmp_path / "number"
    slow = device(home, instead=f'case "$1" in bundle/*) sleep 60 & echo $! > {number}; wait;; esac')

    class Interrupted(Local):
        def run(self, command: str, given: bytes = b"") -> str:
            if "echo running" in command and number.is_file() and number.read_text():
                raise KeyboardInterrupt
            return super().run(command, given)

    with pytest.raises(KeyboardInterrupt):
        session(Interrupted(home, slow.python), work, said).measure(FILES)
    runner = Path("/proc", number.read_text().strip())
    assert runner.exists()
    (line,) = re.findall("`(.*)`", said[-1])
    slow.run(line)
    for _ in range(100):
        if not runner.exists() or "Z" in (runner / "stat").read_text().split(")")[1][:3]:
            break
        time.sleep(0.05)
    else:
        pytest.fail("it goes on")
    assert list((home / ".tinyasc").iterdir()) == []


def test_a_device_without_space_is_told_to_make_room(work: Bundle, tmp_path: Path) -> None:
    home = tmp_path / "home"
    full = Session(device(home), work, lambda line: None)
    with pytest.raises(UserError, match=r"has 1 MB free, \d+ MB are needed"):
        full._send(answered(tmp_path, free_bytes=1_000_000))
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("differently", "message"),
    [
        ({"machine": "armv6l", "bits": 32}, "is an ARMv6"),
        ({"python": [3, 7, 3]}, "has Python 3.7: the runner needs 3.9"),
        ({"machine": "armv7l", "bits": 32}, None),
        ({"bits": 32}, None),  # a 32-bit system with a 64-bit kernel, as Raspberry Pi OS has it
        ({}, None),
    ],
)
def test_what_cannot_run_is_refused_and_32_bits_are_warned_of(
    tmp_path: Path, differently: dict[str, object], message: str | None
) -> None:
    if message is not None:
        with pytest.raises(UserError, match=message):
            answered(tmp_path, **differently)
    else:
        found = answered(tmp_path, **differently)
        assert found.clock_offset_seconds > 10**9  # its clock stands at 1970
        assert any("32-bit system" in warning for warning in environment.warnings(found)) is (found.bits == 32)


def test_a_device_without_python_is_told_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no python-of-none on this machine: sudo apt install python3"):
        environment.ask(Local(tmp_path, "python-of-none"))
