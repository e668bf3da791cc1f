"""An emulated board as the device of a session: another processor's code, through the very same steps."""

from pathlib import Path

import numpy as np
import pytest

from bench.boards.device import bundle
from bench.boards.device.bundle import Settings
from bench.boards.emulate import emulator
from bench.boards.remote.session import Session
from deploy import runtime
from tests.support import tiny_models
from tests.support.local_device import Local

PYTHON = Path(__file__).parents[3] / emulator.FOLDER / "pi4/python"


@pytest.mark.skipif(
    not PYTHON.is_file(), reason="no emulated board here: `python -m bench.boards.emulate.prepare` sets it up"
)
def test_a_session_runs_on_an_emulated_board(tmp_path: Path) -> None:
    path, home = tmp_path / "model.tflite", tmp_path / "home"
    tiny_models.write_tflite(path, True, tiny_models.random_weights())
    log_mel = np.random.default_rng(0).standard_normal((5, tiny_models.F, tiny_models.T))
    inputs = {path.name: runtime.load(path).quantize(log_mel)}
    settings = Settings(threads=(1,), kernels=("default", "built-in"), warm_up=1)
    work, said = bundle.write(tmp_path / "bundle", {path.name: path}, inputs, settings), []
    home.mkdir()
    content = Session(Local(home, str(PYTHON)), work, said.append, poll_seconds=0.5).measure({path.name: True})
    assert "nothing is installed" in said[1]
    assert content.board.architecture == "aarch64"
    assert content.board.processor == "cortex-a72"
    assert [(entry.kernels, entry.agreed) for entry in content.equality] == [
        ("XNNPACK", True),
        ("built-in kernels", True),
    ]
    assert list(home.iterdir()) == []
