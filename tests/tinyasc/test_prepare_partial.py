"""Preparing goes on after a kill, a torn journal, a full disk or repaired files, and does nothing twice."""

import os
import signal
import subprocess
import sys
from io import FileIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.support import tiny_folder
from tests.support.tiny_folder import run
from tinyasc.clips import Clips
from tinyasc.prepare import convert, partial
from tinyasc.prepare.convert import ClipFormat
from tinyasc.verify import verify

ROOT = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of four noises."""
    return tiny_folder.write(tmp_path / "set")


KILLED = """
import os, signal, sys
from tinyasc import recipe
from tinyasc.prepare import partial, prepare

name, after = sys.argv[1], int(sys.argv[2])
work, calls = getattr(partial.Partial, name), 0

def work_and_die(*arguments, **named):
    global calls
    calls += 1
    if calls == after:
        os.kill(os.getpid(), signal.SIGKILL)
    return work(*arguments, **named)

setattr(partial.Partial, name, work_and_die)
recipe.run(prepare, sys.argv[3:])
"""


@pytest.fixture
def converted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are converted from here on."""
    seen: list[str] = []
    honest = convert.convert

    def watched(root, clip, entries):
        seen.extend(entry.file for entry in entries)
        return honest(root, clip, entries)

    monkeypatch.setattr(convert, "convert", watched)
    return seen


@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.parametrize(
    ("killed_in", "call", "left"),
    [
        pytest.param("append", 2, ["audio/dog-rome-9.wav", "audio/cat.wav"], id="between two recordings"),
        pytest.param("_write_line", 3, ["audio/dog-rome-9.wav", "audio/cat.wav"], id="before the journal knows"),
        pytest.param("finish", 1, [], id="before the end"),
    ],
)
def test_killed_at_any_moment_it_goes_on(
    root: Path, converted: list[str], *, processes: str, killed_in: str, call: int, left: list[str]
) -> None:
    assert run(root) == 0
    whole = Path(f"{root}.h5").read_bytes()
    Path(f"{root}.h5").unlink()
    flags = ["--root", str(root), "--out", f"{root}.h5", "--processes", processes]
    process = subprocess.run([sys.executable, "-c", KILLED, killed_in, str(call), *flags], cwd=ROOT, check=False)
    assert process.returncode == -signal.SIGKILL
    assert not Path(f"{root}.h5").exists()
    assert Path(f"{root}.h5.partial").exists()
    converted.clear()
    assert run(root) == 0
    assert converted == left
    assert Path(f"{root}.h5").read_bytes() == whole
    assert [path.name for path in root.parent.iterdir() if path != root] == ["set.h5"]


def test_a_torn_journal_and_lost_pages_cost_only_what_they_hold(root: Path, converted: list[str]) -> None:
    flags = ["--root", str(root), "--out", f"{root}.h5", "--processes", "1"]
    subprocess.run([sys.executable, "-c", KILLED, "finish", "1", *flags], cwd=ROOT, check=False)
    journal, pcm = Path(f"{root}.h5.partial.journal"), Path(f"{root}.h5.partial")
    journal.write_bytes(journal.read_bytes()[:-7])  # a power cut in the middle of the last line
    assert run(root) == 0
    assert converted == ["audio/cat.wav"]
    Path(f"{root}.h5").unlink()
    subprocess.run([sys.executable, "-c", KILLED, "finish", "1", *flags], cwd=ROOT, check=False)
    os.truncate(pcm, pcm.stat().st_size - 100_000)  # the last two clips never reached the disk
    converted.clear()
    assert run(root) == 0
    assert converted == ["audio/dog-rome-9.wav", "audio/cat.wav"]


def test_a_journal_alone_is_worth_nothing(root: Path, converted: list[str]) -> None:
    flags = ["--root", str(root), "--out", f"{root}.h5", "--processes", "1"]
    subprocess.run([sys.executable, "-c", KILLED, "finish", "1", *flags], cwd=ROOT, check=False)
    journal, pcm = Path(f"{root}.h5.partial.journal"), Path(f"{root}.h5.partial")
    with journal.open("a") as lines:
        lines.write('{"synced": true}\n')  # what is before it is not read again
    for damage in (pcm.unlink, lambda: os.truncate(pcm, pcm.stat().st_size - 1)):
        kept = journal.read_bytes(), pcm.read_bytes()
        damage()
        converted.clear()
        assert run(root) == 0
        assert "audio/cat.wav" in converted
        verify(Clips(f"{root}.h5"))
        Path(f"{root}.h5").unlink()
        journal.write_bytes(kept[0])
        pcm.write_bytes(kept[1])
    journal.write_text("no journal\n" + journal.read_text())
    assert run(root) == 0
    verify(Clips(f"{root}.h5"))


def test_a_disk_that_takes_less_than_it_is_given_loses_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Reluctant(FileIO):
        def write(self, content) -> int:  # type: ignore[override]
            return super().write(memoryview(content)[: 1 + len(content) // 2])

    monkeypatch.setattr(partial, "FileIO", Reluctant)
    assert run(root) == 0
    verify(Clips(f"{root}.h5"))


def test_only_one_process_writes_and_only_with_the_settings_it_began_with(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with partial.Partial(Path(f"{root}.h5"), ClipFormat()):
        other = [sys.executable, "-m", "tinyasc.prepare", "--root", str(root), "--out", f"{root}.h5"]
        done = subprocess.run(other, cwd=ROOT, check=False, capture_output=True, text=True)
        assert done.returncode == 1
        assert "is being written by another process: wait for it" in done.stderr
    assert run(root, "--clip-seconds", "0.5") == 1
    assert "was begun with other settings or versions" in capsys.readouterr().err
    assert run(root) == 0


def test_a_killed_worker_and_a_full_disk_are_one_line(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tinyasc.fetch.shutil.disk_usage", lambda place: SimpleNamespace(free=100_000))
    assert run(root) == 1
    assert "100kB free and 384kB are needed for set.h5" in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.setattr(convert, "convert", _die)
    assert run(root, "--processes", "2") == 1
    assert "the system killed a process (out of memory?)" in capsys.readouterr().err


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_repaired_files_alone_are_converted_again(root: Path, converted: list[str]) -> None:
    good = (root / "audio/dog-rome-9.wav").read_bytes()
    (root / "audio/dog-rome-9.wav").write_text("no sound")
    assert run(root) == 1
    (root / "audio/dog-rome-9.wav").write_bytes(good)
    converted.clear()
    assert run(root) == 0
    assert converted == ["audio/dog-rome-9.wav"]
    repaired = Clips(f"{root}.h5")
    assert run(root) == 0
    assert Clips(f"{root}.h5").checksum == repaired.checksum
    np.testing.assert_array_equal(repaired.waveform(np.arange(6)), Clips(f"{root}.h5").waveform(np.arange(6)))
