"""The command that compares two reports: its exit code, its table, and its one line on files that it cannot read."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.compare import compare
from bench.measure import records
from tests.support.tiny_reports import report
from tinyasc import recipe

HEAVIER: tuple[str, Any] = ("figures:cost/network/macs", {"value": 27e6})


def written(path: Path, *changes: tuple[str, Any]) -> str:
    path.write_bytes(records.encode(report(*changes)))
    return str(path)


def damaged(path: Path, place: str, value: Any) -> None:
    """A report with a value that it cannot have; None: without it."""
    content = inside = json.loads(records.encode(report()))
    *way, last = place.split("/")
    for key in way:
        inside = inside[key]
    inside |= {last: value}
    path.write_text(json.dumps(content))


def test_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = written(tmp_path / "old.json"), written(tmp_path / "new.json", HEAVIER)
    assert recipe.run(compare, [old, old]) == 0
    assert "are as they were" in capsys.readouterr().out
    assert recipe.run(compare, [new, old]) == 0
    assert capsys.readouterr().out.startswith("improvement   cost/network/macs")
    assert recipe.run(compare, [old, new, "--tolerance.count", "0.05"]) == 0
    capsys.readouterr()
    assert recipe.run(compare, [old, new, "--tolerance.latency", "-1"]) == 1
    assert "tolerance.latency is -1: take 0 or more" in capsys.readouterr().err
    assert recipe.run(compare, [old, new]) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith("regression    cost/network/macs  26,000,000 -> 27,000,000 MACs (+3.8 %)")
    (line,) = printed.err.splitlines()
    assert line.endswith("a regression: cost/network/macs: 26,000,000 -> 27,000,000 MACs (+3.8 %)")


def test_what_is_no_report_gets_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = written(tmp_path / "good.json")
    (tmp_path / "cut.json").write_text(Path(good).read_text()[:500])
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    damaged(tmp_path / "old_format.json", "format", 2)
    damaged(tmp_path / "other.json", "compliance/network/macs/value", "many")
    damaged(tmp_path / "inside.json", "accuracy/sums", {"label": "none"})
    damaged(tmp_path / "unknown.json", "machine/colour", "red")
    damaged(tmp_path / "short.json", "accuracy/sums/clips", [1])
    damaged(tmp_path / "without.json", "accuracy/sums", {"label": [], "clips": [], "right": {}, "loss": {}})
    damaged(tmp_path / "negative.json", "accuracy/sums/clips", [-1])
    for name, message in [
        ("none.json", "cannot read"),
        (".", "cannot read"),
        ("cut.json", "is no JSON"),
        ("bytes.json", "is no JSON"),
        ("list.json", "has format None, this version reads 3"),
        ("old_format.json", "has format 2, this version reads 3: make it again with `make bench`"),
        ("other.json", "is no report: Expected `int | float | null`, got `str` - at `$.compliance.network.macs.value`"),
        ("inside.json", "Expected `array`, got `str` - at `$.accuracy.sums.label`"),
        ("unknown.json", "unknown field `colour` - at `$.machine.colour`"),
        ("negative.json", "Expected `int` >= 0 - at `$.accuracy.sums.clips[0]`"),
        ("short.json", "the sums of its moments do not belong together - at `$.accuracy.sums`"),
        ("without.json", "it lacks the sums of model.onnx, model.tflite - at `$.accuracy`"),
    ]:
        for arguments in ([str(tmp_path / name), good], [good, str(tmp_path / name)]):
            assert recipe.run(compare, arguments) == 1
            (line,) = capsys.readouterr().err.splitlines()
            assert message in line
