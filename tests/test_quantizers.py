"""The study of quantizers: rows that are measured, kept, made again, or say why they are not there."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from bench.measure.environments import FOLDER
from compress.simulate import simulate
from deploy import runtime
from tests.quantizers import rows, sources
from tests.quantizers.rows import COLUMNS, FileFigures, Row, markdown
from tests.quantizers.sources import TOOLS, Made, Peer, Tool
from tests.support import tiny_programs
from tinyasc.errors import UserError

FIGURES = FileFigures(1234, "some runtime", 0.5, 0.75)
WHOLE = Row("ours", "k", "", 0.8125, 0.5, 0.7, 0.99, 0.01, 200, 0, {".tflite": FIGURES, ".onnx": FIGURES})


@dataclass
class Counted:
    """A source that says how often it made something."""

    name: str = "counted"
    print: str = "a"
    made: list[str] = field(default_factory=list)

    def fingerprint(self) -> str:
        return self.print

    def make(self) -> Made:
        self.made.append(self.print)
        return Made({})


def test_a_row_is_made_again_only_when_what_it_came_from_has_changed(tmp_path: Path) -> None:
    source, measured = Counted(), replace(WHOLE, name="counted")
    first = rows.row_of(source, "given", tmp_path, lambda made: measured)
    again = rows.row_of(source, "given", tmp_path, lambda made: measured)
    assert first == again == replace(measured, key=first.key)
    assert source.made == ["a"]
    source.print = "b"
    rows.row_of(source, "given", tmp_path, lambda made: measured)
    rows.row_of(source, "another student", tmp_path, lambda made: measured)
    assert source.made == ["a", "b", "b"]


def test_a_failure_is_a_row_with_its_reason_and_tried_again(tmp_path: Path) -> None:
    def fail(made: Made) -> Row:
        raise RuntimeError("the kernel\ngave up")

    source = Counted()
    failed = rows.row_of(source, "", tmp_path, fail)
    assert failed == Row("counted", failure="the kernel gave up")
    assert rows.row_of(source, "", tmp_path, lambda made: WHOLE).failure == ""
    lines = markdown([WHOLE, failed]).splitlines()
    assert lines[3].count("–") == len(COLUMNS)
    assert lines[-1] == "- counted: the kernel gave up"


def test_a_table_shows_what_there_is() -> None:
    theirs = replace(WHOLE, name="theirs", unseen=None, compared=0, files={".onnx": FIGURES})
    lines = markdown([WHOLE, theirs]).splitlines()
    assert lines[2] == "| ours | 81.2 | 50.0 | 0.700 | 99.0 | 0.0100 | 1,234 | 1,234 | 0.75 | 0.75 | 0 of 200 |"
    assert lines[3] == "| theirs | 81.2 | – | 0.700 | 99.0 | 0.0100 | – | 1,234 | – | 0.75 | – |"
    assert len(lines) == 4
    assert all(line.count("|") == len(COLUMNS) + 2 for line in lines)


def test_a_simulator_answers_like_a_file() -> None:
    program, log_mel = tiny_programs.quantized().to_program(), tiny_programs.log_mel(3)
    model = sources.simulator(program)
    expected = simulate(program, model.quantize(log_mel)[:, 0])
    np.testing.assert_array_equal(model.logits(log_mel), model.output.dequantize(expected))


@pytest.mark.parametrize(
    ("script", "reason"),
    [("raise SystemExit('no such operator')", "no such operator"), ("raise SystemExit(3)", "exit code 3")],
)
def test_a_tool_that_fails_says_why(script: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tool.py").write_text(script)
    monkeypatch.setattr(sources, "HERE", tmp_path)
    with pytest.raises(UserError, match=f"tool failed: {reason}"):
        Peer(Tool("tool", ".onnx"), tmp_path, tmp_path).make()


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray, np.ndarray]:
    """A folder with a float student and its calibration, inputs, and what it answers."""
    folder, log_mel = tmp_path_factory.mktemp("student"), tiny_programs.log_mel(48)
    files = sources.write_float(tiny_programs.float_program(), folder)
    model = runtime.load(files[".tflite"])
    sources.write_calibration(model.quantize(log_mel[:32]), folder)
    return folder, log_mel[32:], model.logits(log_mel[32:])


def environments(tool: Tool) -> Path:
    """Where `python -m tests.quantizers` keeps them by default."""
    if tool.packages and not (FOLDER / tool.script).is_dir():
        pytest.skip(f"{tool.packages[0]} is not installed: `python -m tests.quantizers` does it")
    return FOLDER


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.script)
def test_other_quantizers_give_a_file_that_runs(tool: Tool, student: tuple[Path, np.ndarray, np.ndarray]) -> None:
    folder, log_mel, expected = student
    ((suffix, path),) = Peer(tool, folder, environments(tool)).make().files.items()
    found = runtime.load(path).logits(log_mel)
    assert suffix == path.suffix == tool.suffix
    assert path.stat().st_size < (folder / f"float{suffix}").stat().st_size
    apart = np.abs(found - expected).mean()
    to_other_clips = np.abs(found - np.roll(expected, 1, axis=0)).mean()
    assert 0 < apart < 0.75 * to_other_clips  # quantized, however badly, and still this network
