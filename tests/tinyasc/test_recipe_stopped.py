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
