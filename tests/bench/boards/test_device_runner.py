"""The files that run on a device."""

import ast
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.boards.device import bundle, runner
from bench.boards.device.bundle import BESIDE, COUNT, RUNNER, Settings
from bench.boards.device.runner import Loaded
from deploy import board_state, runtime
from tests.support import tiny_models


def test_it_needs_nothing_of_this_project_and_python_3_9_reads_it() -> None:
    shipped = {f"deploy.{path.stem}" for path in BESIDE}
    for path in (RUNNER, *BESIDE):
        tree = ast.parse(path.read_text(), feature_version=(3, 9))
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                imported |= (
                    {f"deploy.{alias.name}" for alias in node.names} if node.module == "deploy" else {str(node.module)}
                )
        others = {name for name in imported if name.split(".")[0] not in sys.stdlib_module_names | {"numpy"}}
        assert others <= (shipped if path == RUNNER else set())


def test_a_bundle_runs_where_this_project_is_not(models: dict[str, Path], tmp_path: Path) -> None:
    inputs = {
        file: runtime.load(path).quantize(np.zeros((2, tiny_models.F, tiny_models.T))) for file, path in models.items()
    }
    work = bundle.write(tmp_path / "bundle", models, inputs, Settings(mode=COUNT, threads=(1,), warm_up=1, runs=1))
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run(
        [sys.executable, work.folder / RUNNER.name, work.folder, tmp_path / "out"],
        env={"PATH": os.environ["PATH"], "HOME": str(home)},
        cwd=home,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads((tmp_path / "out/measured.json").read_text())["models"]) == len(models)
    assert list(home.iterdir()) == []


@pytest.fixture
def models(tmp_path: Path) -> dict[str, Path]:
    weights = tiny_models.random_weights()
    for kind, integer in (("int8", True), ("float", False)):
        tiny_models.write_tflite(tmp_path / f"{kind}.tflite", integer, weights)
        tiny_models.write_onnx(tmp_path / f"{kind}.onnx", integer, weights)
    return {path.name: path for path in tmp_path.iterdir()}


def test_no_runtime_leaves_anything_in_the_home_folder(models: dict[str, Path], tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    code = "import sys, runner; from pathlib import Path; [runner.load(Path(one), 1) for one in sys.argv[1:]]"
    bundle.write(tmp_path / "bundle", {}, {}, Settings())
    subprocess.run(
        [sys.executable, "-c", code, *map(str, models.values())],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "bundle"), "HOME": str(home)},
        check=True,
    )
    assert list(home.iterdir()) == []


def test_outputs_and_times_of_every_file_kernel_and_thread_count(models: dict[str, Path], tmp_path: Path) -> None:
    log_mel = np.random.default_rng(0).standard_normal((6, tiny_models.F, tiny_models.T))
    loaded = {file: runtime.load(path) for file, path in models.items()}
    inputs = {file: model.quantize(log_mel) for file, model in loaded.items()}
    settings = Settings(threads=(1, 10**6), kernels=("default", "built-in"), warm_up=2, block=100, steady_seconds=0.01)
    work = bundle.write(tmp_path / "bundle", models, inputs, settings)
    again = bundle.write(tmp_path / "again", models, inputs, settings)
    assert again.digest == work.digest  # the same work is known by the same name
    assert runner.main([str(work.folder), str(tmp_path / "out")]) == 0
    measured = json.loads((tmp_path / "out/measured.json").read_text())
    assert [(entry["file"], entry["asked"], entry["threads"]) for entry in measured["models"]] == [
        (file, kernels, 1)  # no machine has a million cores
        for file in models
        for kernels in (("default", "built-in") if file.endswith(".tflite") else ("default",))
    ]
    for entry in measured["models"]:
        outputs = np.load(tmp_path / "out" / entry["outputs"])
        expected = np.stack([loaded[entry["file"]].run(one) for one in inputs[entry["file"]]])
        assert (outputs.dtype, outputs.shape) == (expected.dtype, expected.shape)
        if entry["asked"] == "default":
            np.testing.assert_array_equal(outputs, expected)
        assert (entry["kernels"] == "built-in kernels") == (entry["asked"] == "built-in")
        assert len(entry["milliseconds"]) == settings.runs
        assert min(entry["milliseconds"]) > 0
    idle, *steady = measured["phases"]
    assert (idle["phase"], idle["inferences"]) == ("idle", 0)
    assert all(phase["inferences"] > 0 and phase["ended"] - phase["started"] >= 0.01 for phase in steady)
    assert measured["started"] < idle["started"] < steady[-1]["ended"] < measured["ended"]


class Recorder:
    """A model that writes down what is done with it."""

    def __init__(self, name: str, events: list[str]):
        self.name, self.events = name, events

    def loaded(self) -> Loaded:
        def put(raw: Any) -> None:
            self.events.append(f"put {self.name}")

        def get() -> Any:
            self.events.append(f"get {self.name}")
            return np.zeros(1)

        return Loaded("runtime 1.0", "kernels", put, lambda: self.events.append(f"invoke {self.name}"), get)


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens to the models of the runner, in order."""
    found: list[str] = []
    monkeypatch.setattr(runner, "load", lambda path, threads, kernels: Recorder(path.stem, found).loaded())
    monkeypatch.setattr(runner.os, "getpriority", lambda which, who: found.append("mark"))
    return found


def recorded_bundle(tmp_path: Path, settings: Settings) -> Path:
    files = {name: tmp_path / name for name in ("a.tflite", "b.tflite")}
    for path in files.values():
        path.touch()
    return bundle.write(tmp_path / "bundle", files, dict.fromkeys(files, np.zeros((3, 1))), settings).folder


def test_when_counting_marks_stand_around_each_invocation_and_nowhere_else(
    tmp_path: Path, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    work = recorded_bundle(tmp_path, Settings(mode=COUNT, threads=(1,), warm_up=1, runs=2))
    monkeypatch.setattr(board_state.subprocess, "run", None)  # no process may be started
    runner.measure(work, tmp_path / "out")
    once = "put {0}, invoke {0}, get {0}"
    marked = "put {0}, mark, invoke {0}, mark, mark, invoke {0}, mark"
    prepared = [f"{once}, {once}, {once}".format(name) for name in "ab"]
    counted = [f"{once}, {marked}".format(name) for name in "ab"]
    assert ", ".join(events) == ", ".join(prepared + counted)
    measured = json.loads((tmp_path / "out/measured.json").read_text())
    for entry in measured["models"]:
        assert (entry["load_ms"], entry["first_ms"], entry["milliseconds"]) == (None, None, None)


def test_when_timing_rounds_of_blocks_interleave_in_orders_drawn_anew(tmp_path: Path, events: list[str]) -> None:
    block, rounds = 20, 10
    work = recorded_bundle(tmp_path, Settings(threads=(1,), warm_up=50, block=block))
    runner.measure(work, tmp_path / "out")
    called = "".join(event[-1] for event in events if event.startswith("invoke"))
    blocks = called[2 * (3 + 50) :]
    length = block + runner.SETTLE
    order = "".join(blocks[place] for place in range(0, len(blocks), length))
    assert blocks == "".join(one * length for one in order)
    pairs = [order[place : place + 2] for place in range(0, len(order), 2)]
    assert len(pairs) == rounds
    assert set(pairs) == {"ab", "ba"}


def test_the_clock_is_looked_at_after_every_block(
    tmp_path: Path, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    work = recorded_bundle(tmp_path, Settings(threads=(1,), warm_up=1))
    looks: list[str] = []

    def read(path: str) -> str | None:
        if path != f"{board_state.CLOCK}scaling_cur_freq":
            return None
        looks.append(events[-1] if events else "nothing")
        return "600000\n" if len(looks) == 5 else "1500000\n"  # one moment of idleness

    monkeypatch.setattr(board_state, "_read", read)
    runner.measure(work, tmp_path / "out")
    during = json.loads((tmp_path / "out/measured.json").read_text())["during"]
    assert (during["lowest_frequency_hz"], during["median_frequency_hz"]) == (0.6e9, 1.5e9)
    assert during["middle_frequencies_hz"] == [1.5e9, 1.5e9]
    _before, *blocks, _after = looks
    assert len(blocks) == 2 * 20  # files, rounds
    assert all(event.startswith("get") for event in blocks)


def test_a_board_describes_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    core = "CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n"
    files = {
        "/proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
        "/proc/cpuinfo": "".join(f"processor\t: {n}\nFeatures\t: fp asimd crc32\n{core}\n" for n in range(4)),
        "/proc/meminfo": "MemTotal:        3884360 kB\n",
        "/etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
        "/sys/class/thermal/thermal_zone0/temp": "48686\n",
        f"{board_state.CLOCK}scaling_governor": "ondemand\n",
        f"{board_state.CLOCK}scaling_cur_freq": "1500000\n",
        f"{board_state.CLOCK}cpuinfo_max_freq": "1800000\n",
    }
    monkeypatch.setattr(board_state, "_read", files.get)
    firmware = tmp_path / "vcgencmd"
    firmware.write_text('#!/bin/sh\n[ "$1" = get_throttled ] && echo throttled=0x50001\n')
    firmware.chmod(firmware.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    machine, state = board_state.machine(), board_state.state(firmware=True)
    assert machine["board"] == "Raspberry Pi 4 Model B Rev 1.4"
    assert [kind["part"] for kind in machine["core_kinds"]] == ["0xd08"]
    assert machine["features"] == ["asimd", "crc32", "fp"]
    assert (machine["memory_bytes"], machine["maximum_frequency_hz"]) == (3884360 * 1024, 1_800_000_000)
    assert machine["system"] == "Debian GNU/Linux 12 (bookworm)"
    assert (state["governor"], state["frequency_hz"], state["temperature_c"]) == ("ondemand", 1_500_000_000, 48.686)
    # 0x50001: under-voltage now; under-voltage and throttled since boot.
    assert state["throttled"] == {
        "bits": "0x50001",
        "now": ["under-voltage"],
        "since_boot": ["under-voltage", "throttled"],
    }
    monkeypatch.setattr(board_state, "_read", lambda path: None)  # a machine that tells nothing
    assert board_state.machine()["board"] is None
    assert board_state.state(firmware=False)["temperature_c"] is None


def test_what_does_not_run_is_one_line_and_no_result(
    models: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    models["float.tflite"].write_bytes(b"no model")
    inputs = {file: np.zeros((1, 1), np.float32) for file in models}
    bad = bundle.write(tmp_path / "bad", {"float.tflite": models["float.tflite"]}, inputs, Settings())
    assert runner.main([str(bad.folder), str(tmp_path / "out")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("runner.py: float.tflite does not run: ")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # not installed
    onnx = bundle.write(tmp_path / "onnx", {"float.onnx": models["float.onnx"]}, inputs, Settings())
    assert runner.main([str(onnx.folder), str(tmp_path / "out")]) == 1
    assert "no runtime for any of the files" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("measured.json*"))
