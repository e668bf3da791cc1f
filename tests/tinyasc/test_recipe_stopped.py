"""A command that SIGTERM ends cleans up as after Ctrl-C."""

import os
import signal
import tempfile
import time
from pathlib import Path

import pytest

from tinyasc import recipe


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_command_leaves_no_folder(sent: signal.Signals, capsys: pytest.CaptureFixture[str]) -> None:
    folders: list[Path] = []

    def work() -> None:
        """Wait to be stopped."""
        with tempfile.TemporaryDirectory() as folder:
            folders.append(Path(folder))
            os.kill(os.getpid(), sent)
            time.sleep(10)

    before = signal.getsignal(signal.SIGTERM)
    assert recipe.run(work, []) == 130
    assert capsys.readouterr().err.endswith("interrupted\n")
    assert [folder for folder in folders if folder.exists()] == []
    assert len(folders) == 1
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_process_that_was_just_forked_ends_without_the_way_out_of_its_parent(tmp_path: Path) -> None:
    """As a pool ends its other workers when one was killed, even those that have not begun."""

    def fork() -> None:
        ready, write = os.pipe()
        if (child := os.fork()) == 0:
            try:
                os.write(write, b".")
                signal.pause()
            finally:
                (tmp_path / "unwound").touch()
        os.read(ready, 1)
        os.kill(child, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 128 + signal.SIGTERM

    assert recipe.run(fork, []) == 0
    assert not (tmp_path / "unwound").exists()
