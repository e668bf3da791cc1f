"""The other Python: the protocol with stand-ins, a real one, and its words when it does not run."""

import sys
from pathlib import Path

import pytest

from bench.measure.latency.worker import worker
from tests.support import tiny_models
from tinyasc.errors import UserError


def script(path: Path, *lines: str) -> Path:
    """A stand-in for a Python: a shell script."""
    path.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
    path.chmod(0o755)
    return path


def test_asks_and_is_answered(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    told = f'echo "$@" > {asked}; echo "{{\\"kernels\\": \\"stand-in 1\\"}}"'
    python = script(
        tmp_path / "python", told, "n=40; while read -r line; do n=$((n + 1)); echo $n; done", f"rm {asked}"
    )
    with worker(python, Path("model.tflite"), 2) as watch:
        assert watch.kernels == "stand-in 1"
        assert [watch.time() for _ in range(3)] == [41, 42, 43]
        assert asked.read_text().split() == ["-m", "bench.measure.latency.worker", "model.tflite", "2"]
    assert not asked.exists()  # it ended by itself, and was waited for


@pytest.mark.parametrize("told", ["", 'echo "{\\"kernels\\": \\"stand-in 1\\"}"; read -r line'])
def test_one_that_says_nothing_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    monkeypatch.setattr("bench.measure.latency.worker.PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr("bench.measure.latency.worker.END_SECONDS", 0.1)
    python = script(tmp_path / "python", told, "exec sleep 600")
    with (
        pytest.raises(UserError, match=r"python: no answer within 0.005 minutes$"),
        worker(python, Path("m.tflite")) as watch,
    ):
        watch.time()


def test_a_real_python_times_a_real_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_models.write_tflite(tmp_path / "model.tflite", True, tiny_models.random_weights())
    monkeypatch.chdir(tmp_path)  # it finds this project from anywhere
    with worker(Path(sys.executable), Path("model.tflite")) as watch:
        assert watch.kernels.startswith("ai-edge-litert")
        assert watch.time() > 0


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["echo first >&2; echo no module named numpy >&2; exit 1"], "no module named numpy"),
        (["exit 3"], "it ended without a word"),
        (["echo hello"], "it ended without a word"),
        (["""echo '{"error": "model.tflite does not load"}'"""], "model.tflite does not load"),
    ],
)
def test_what_does_not_run_gets_one_line(tmp_path: Path, lines: list[str], message: str) -> None:
    python = script(tmp_path / "python", *lines)
    with pytest.raises(UserError) as raised, worker(python, Path("model.tflite")):
        pass
    assert str(raised.value) == f"model.tflite in {python}: {message}"


def test_an_end_in_the_middle_is_told(tmp_path: Path) -> None:
    python = script(tmp_path / "python", """echo '{"kernels": "k"}'; read -r line; echo out of memory >&2""")
    with worker(python, Path("model.tflite")) as watch, pytest.raises(UserError, match="out of memory"):
        watch.time()
    with pytest.raises(UserError, match="No such file"), worker(tmp_path / "none", Path("model.tflite")):
        pass
