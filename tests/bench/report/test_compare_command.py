"""The command that compares two reports: its exit code, its table, and its one line on files that it cannot read."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.compare import compare
from tests.support.tiny_reports import report
from tinyasc import recipe

HEAVIER: tuple[str, Any] = ("figures:cost/network/macs", {"value": 27e6})


def written(path: Path, *changes: tuple[str, Any]) -> str:
    path.write_text(json.dumps(report(*changes)))
    return str(path)


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
    written(tmp_path / "old_format.json", ("format", 1))
    written(tmp_path / "other.json", ("figures", {"cost/network/macs": {"value": "many"}}))
    written(tmp_path / "inside.json", ("accuracy", {"moments": {"label": "none"}}))
    for name, message in [
        ("none.json", "cannot read"),
        (".", "cannot read"),
        ("cut.json", "is no JSON"),
        ("bytes.json", "is no JSON"),
        ("list.json", "has format None, this version reads 2"),
        ("old_format.json", "has format 1, this version reads 2"),
        ("other.json", "is no report"),
        ("inside.json", "is not of type 'array'"),
    ]:
        for arguments in ([str(tmp_path / name), good], [good, str(tmp_path / name)]):
            assert recipe.run(compare, arguments) == 1
            (line,) = capsys.readouterr().err.splitlines()
            assert message in line
