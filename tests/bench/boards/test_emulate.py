"""An emulated board: what it is made of, what is said where it cannot be made, and that models run on it."""

import shutil
import signal
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.boards.device import inputs, result
from bench.boards.emulate import emulator, packages, qemu, run
from bench.boards.emulate.emulator import Emulator
from bench.boards.emulate.qemu import Qemu
from bench.boards.targets import boards
from deploy import runtime
from tests.support import both_files, tiny_programs
from tinyasc.errors import UserError

PI4_CORE = """\
processor	: 3
BogoMIPS	: 108.00
Features	: fp asimd evtstrm crc32 cpuid
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x0
CPU part	: 0xd08
CPU revision	: 3

"""
ROOT = Path(__file__).parents[3]
SYSTEM = Path("/usr/bin/qemu")


def tool(folder: Path, name: str, script: str) -> None:
    """A program that is found first, or alone."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def tree(folder: Path) -> Path:
    """As much of an emulator's folder as is never looked into."""
    python = folder / "root/usr/bin/python3"
    packages.make(folder / "root", {"arm64": emulator.PACKAGES}, lambda into: (into / "usr/bin").mkdir(parents=True))
    python.symlink_to("python3.11")
    packages.make(folder / "site", {"python": "3.11", **packages.runtimes_here()}, lambda into: None)
    return folder


def test_a_part_is_whole_or_not_there(tmp_path: Path) -> None:
    part, made = tmp_path / "part", []

    def stopped(into: Path) -> None:
        (into / "half").touch()
        raise KeyboardInterrupt

    def whole(into: Path) -> None:
        made.append(into)
        (into / "file").touch()

    with pytest.raises(KeyboardInterrupt):
        packages.make(part, {"version": 1}, stopped)
    assert not list(tmp_path.iterdir())
    for version in (1, 1, 2):
        packages.make(part, {"version": version}, whole)
    assert len(made) == 2
    with pytest.raises(KeyboardInterrupt):
        packages.make(part, {"version": 3}, stopped)
    assert sorted(path.name for path in part.iterdir()) == [packages.STAMP, "file"]
    assert list(tmp_path.iterdir()) == [part]


def test_a_board_introduces_itself() -> None:
    files = qemu.board_files(boards.load("pi4"))
    assert files["proc/cpuinfo"].count("processor\t:") == 4
    assert files["proc/cpuinfo"].endswith(PI4_CORE)
    assert files["sys/devices/system/cpu/possible"] == "0-3\n"


@pytest.mark.parametrize("merged", [False, True])
def test_a_board_shares_the_tree_and_stays_as_it_is(tmp_path: Path, merged: bool) -> None:
    root, board, folder = tmp_path / "root", boards.load("pi5"), tmp_path / "it's a, pi5"
    loader = root / ("usr/lib" if merged else "lib") / "ld-linux-aarch64.so.1"
    loader.parent.mkdir(parents=True)
    loader.touch()
    (root / "usr").mkdir(exist_ok=True)
    program = Qemu(SYSTEM, tmp_path / "libraries", "7.2", True)
    python = qemu.write_board(board, folder, root, tmp_path / "site", program)
    assert (folder / "lib/ld-linux-aarch64.so.1").samefile(loader)
    written = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert qemu.write_board(board, folder, root, tmp_path / "site", program) == python
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == written
    tmp_path.rename(moved := tmp_path.with_name(tmp_path.name + "-moved"))
    assert (moved / folder.name / "lib/ld-linux-aarch64.so.1").exists()


def test_the_script_runs_its_board(tmp_path: Path) -> None:
    tool(tmp_path, "qemu", 'printf "%s|" "$PYTHONPATH" "$LD_LIBRARY_PATH" "$@"')
    program, folder = Qemu(tmp_path / "qemu", tmp_path / "own, libraries", "7.2", True), tmp_path / "a board"
    (tmp_path / "root/usr").mkdir(parents=True)
    python = qemu.write_board(boards.load("pi3"), folder, tmp_path / "root", tmp_path / "site", program)
    said = subprocess.run([python, "-c", "print(1)"], capture_output=True, text=True, check=True).stdout
    variables, options = f"{tmp_path}/site|{tmp_path}/own, libraries", f"-cpu|cortex-a53|-L|{folder}|-U|LD_LIBRARY_PATH"
    assert said == f"{variables}|{options}|{folder}/usr/bin/python3|-c|print(1)|"


UPDATE = 'case "$*" in *update*) exit 0;; esac\n'


@pytest.mark.parametrize(
    ("apt", "said"),
    [
        (None, "no apt-get and no dpkg-deb here.*install qemu-user"),
        (f'{UPDATE}echo "E: Unable to locate package python3-minimal" >&2; exit 100', "offer no arm64 .*ports mirror"),
        (
            'case "$*" in *update*) echo "W: Failed to fetch: no network" >&2; exit 0;; esac\n'
            'echo "E: Unable to locate package python3-minimal" >&2; exit 100',
            "offer no arm64 packages .W: Failed to fetch: no network.",
        ),
        (
            f"{UPDATE}echo \"E: Package 'x' has no installation candidate\" >&2; exit 100",
            "offer no arm64 .*ports mirror",
        ),
        (f'{UPDATE}echo "E: No space left" >&2; exit 100', "cannot fetch the emulator's packages: No space left"),
    ],
)
def test_without_packages_the_reason_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, apt: str | None, said: str
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    if apt is not None:
        tool(tools, "apt-get", apt)
        tool(tools, "dpkg-deb", "exit 0")
    monkeypatch.setenv("PATH", str(tools))
    part = tmp_path / "root"
    with pytest.raises(UserError, match=said):
        packages.make(part, {}, lambda into: packages.unpack(["python3-minimal"], into, "arm64"))
    assert list(tmp_path.iterdir()) == [tools]


def test_without_qemu_and_apt_the_machine_is_told_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(UserError, match="no apt-get and no dpkg-deb here"):
        qemu.find(tmp_path / "qemu")


@pytest.mark.parametrize(
    ("options", "gcc", "said"),
    [
        ("-cpu model", True, "QEMU 9 takes no plugins"),
        ("-plugin file", False, "no C compiler here: install gcc"),
        ("-plugin file", True, "does not take the plugin that counts instructions: API version 1 is too old"),
    ],
)
def test_a_system_qemu_that_cannot_count_still_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, gcc: bool, said: str
) -> None:
    """No apt here: the tree is there already, as one may copy it from another machine."""
    tools = tmp_path / "tools"
    answers = f'--version) echo "QEMU 9";; --help) echo "{options}";; *) echo "API version 1 is too old" >&2; exit 1;;'
    tool(tools, "qemu-aarch64", f'case "$1" in {answers} esac')
    if gcc:
        for name in ("gcc", "as", "ld"):
            found = shutil.which(name)
            if found is None:
                pytest.skip("there is no C compiler here")
            (tools / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(tools))
    ready = emulator.prepare(tree(tmp_path / "emulator"))
    assert (ready.qemu, ready.counter) == ("QEMU 9", None)
    assert said in (ready.no_counter or "")
    assert not (tmp_path / "emulator/counter").exists()
    assert set(ready.pythons) == set(boards.known())


def test_ctrl_c_ends_what_runs_on_the_board(tmp_path: Path) -> None:
    began = tmp_path / "began"
    tool(tmp_path / "board", "python", f"touch {began}; exec sleep 600")
    hanging = Emulator({"pi4": tmp_path / "board/python"}, "QEMU 9", None, "it is a stand-in")
    (tmp_path / "model.tflite").touch()
    case = run.Case("model.tflite", tmp_path / "model.tflite", True, np.zeros((1, 1), np.int8))

    def interrupt() -> None:
        while not began.exists():
            time.sleep(0.02)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt, daemon=True)
    thread.start()
    with pytest.raises(KeyboardInterrupt):  # after the program has ended: the pool waits for it
        run.emulate(hanging, boards.load("pi4"), [case])
    thread.join()


@pytest.fixture(scope="module")
def ready() -> Emulator:
    """The emulator of this checkout."""
    if not (ROOT / emulator.FOLDER).is_dir():
        pytest.skip("there is no emulator here: `make emulator` sets it up")
    return emulator.prepare(ROOT / emulator.FOLDER)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small program in both files."""
    folder = tmp_path_factory.mktemp("files")
    return {path.name: path for path in both_files.write(tiny_programs.quantized().to_program(), folder)}


@pytest.mark.parametrize("key", ["pi3", "pi4", "pi5"])
def test_a_program_answers_on_a_board_as_it_does_here(ready: Emulator, files: dict[str, Path], key: str) -> None:
    board, names = boards.load(key), list(files) if key == "pi5" else ["model.tflite"]
    steps = runtime.load(files["model.tflite"]).quantize(tiny_programs.log_mel(inputs.COUNT)[:, 0])
    unsigned = (steps.astype(np.int16) + 128).astype(np.uint8)  # as the .onnx takes them
    raw = {"model.tflite": steps, "model.onnx": unsigned.reshape(-1, 1, 1, tiny_programs.F, tiny_programs.T)}
    found = run.emulate(ready, board, [run.Case(name, files[name], True, raw[name]) for name in names])
    assert list(found.models) == names
    assert [entry.agreed for entry in found.equality] == [True] * len(names)
    assert (found.kind, found.latency) == (result.EMULATED, [])
    if ready.counter is None:
        pytest.skip(f"answers are equal; no instructions: {ready.no_counter}")
    tflite = found.instructions[0]
    assert (tflite.total.value or 0) > 10_000
    assert tflite.spread == 0
    assert tflite.classes["integer_mac"] > 0
    assert (tflite.classes["sdot"] > 0) == (key == "pi5")
    assert "Counts include the call from Python" in found.warnings[1]
    estimated = found.estimates[0].milliseconds
    low, high = estimated.interval or (0.0, 0.0)
    assert low < (estimated.value or 0.0) < high
    assert estimated.path == f"target/{key}/tflite/int8/estimate"


def test_what_does_not_run_or_proves_nothing_is_said(ready: Emulator, files: dict[str, Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"\0" * 64)
    models = {"model.tflite": files["model.tflite"], "broken.tflite": broken}
    raw = dict.fromkeys(models, np.zeros((inputs.COUNT, 1, tiny_programs.F, tiny_programs.T, 1), np.int8))
    uncounted = replace(ready, counter=None, no_counter="there is no C compiler here: install gcc")
    found = run.emulate(
        uncounted, boards.load("zero2"), [run.Case(name, path, True, raw[name]) for name, path in models.items()]
    )
    assert list(found.models) == ["model.tflite"]
    assert (found.equality, found.instructions) == ([], [])
    (estimated,) = found.estimates
    assert (estimated.milliseconds.value, "install gcc" in str(estimated.reason)) == (None, True)
    assert any("model.tflite answers 64 inputs nearly alike" in warning for warning in found.warnings)
    assert any("broken.tflite does not run on an emulated Raspberry Pi Zero 2 W" in one for one in found.warnings)
