"""The whole judge on a tiny export run and on foreign files: its figures against arithmetic, and what it writes."""

import json
from pathlib import Path
from typing import Any

import h5py
import jsonschema
import numpy as np
import pytest

from bench import __main__ as command
from bench.boards.device import result
from bench.measure import subject
from bench.report import content as contents
from bench.report import document, page
from tests.support.tiny_run import MEL, few_processes, write_data, write_run
from tinyasc import artifact, recipe
from tinyasc.errors import UserError

FAST = ["--latency_seconds", "0.1"]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder after `python -m bench`: data.h5, runs/export, runs/bench and copy.json."""
    folder = tmp_path_factory.mktemp("judged")
    write_data(folder / "data.h5")
    write_run(folder / "runs/export")
    assert judge(folder / "runs/export", "--data", folder / "data.h5", "--json", folder / "copy.json") == 0
    return folder


def judge(model: Path, *more: object) -> int:
    with few_processes():
        return recipe.run(command.judge, ["--model", str(model), *FAST, *map(str, more)])


def report(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "report.json").read_text())


def test_figures_say_what_they_are_and_fit_together(judged: Path) -> None:
    content = report(judged / "runs/bench")
    assert content == json.loads((judged / "copy.json").read_text()) == document.read(judged / "copy.json")
    figures = content["figures"]
    for name, figure in figures.items():
        assert figure["how"] in ("measured", "estimated", "quoted"), name
        assert figure["unit"], name
        assert figure["source"], name
    assert figures["accuracy/teacher/macro"] == {
        "value": 0.9,
        "unit": "fraction",
        "how": "quoted",
        "source": "model card of the teacher run",
    }
    assert figures["accuracy/student/macro"]["value"] is None
    int8 = figures["accuracy/tflite/int8/macro"]
    counts = np.array(content["accuracy"]["files"]["model.tflite"]["confusion"])
    assert counts.sum() == content["data"]["test_clips"] == 36
    assert int8["value"] == pytest.approx((np.diag(counts) / counts.sum(axis=1)).mean())
    assert int8["interval"][0] <= int8["value"] <= int8["interval"][1]
    assert figures["accuracy/tflite/int8/city/lyon/macro"] == int8  # the one there is
    assert len(figures["accuracy/tflite/int8/class/tram/macro"]["interval"]) == 2
    assert content["data"]["test_moments"] == content["data"]["test_recordings"] == 18  # other names tell nothing
    groups = {name: figures[f"accuracy/tflite/int8/group/{name}/macro"]["value"] for name in ("seen", "unseen")}
    assert groups["unseen"] == figures["accuracy/tflite/int8/device/s4/macro"]["value"]
    assert figures["cost/tflite/int8/macs"]["value"] == 1092
    assert figures["size/tflite/int8"]["value"] == (judged / "runs/export/model.tflite").stat().st_size
    assert figures["latency/tflite/int8_over_float"]["value"] > 0
    assert figures["memory/tflite/int8/resident_peak"]["value"] > 1e7
    assert {year: one["passed"] for year, one in content["verdict"]["years"].items()} == {
        str(year): True for year in (2022, 2023, 2024, 2025)
    }
    twins, formats = content["accuracy"]["pairs"]
    assert twins["agreement"]["same_top1"] > 30  # 36 clips; INT8 is close to float
    assert formats["exact"]["identical"] < 36  # another network in this test
    assert content["sentence"].startswith("The INT8 model fits the DCASE Task 1 limits of every year from 2022 to 2025")
    assert content["sentence"].endswith("its float twin.")
    assert (content["energy"], content["targets"]) == (None, [])


def test_the_page_is_made_from_the_report_alone(judged: Path) -> None:
    html = (judged / "runs/bench/report.html").read_text()
    assert html == page.render(document.read(judged / "copy.json"))
    assert report(judged / "runs/bench")["sentence"] in html


def test_a_file_from_elsewhere_is_judged_without_a_card(judged: Path, tmp_path: Path) -> None:
    file = tmp_path / "own.tflite"
    file.write_bytes((judged / "runs/export/model.tflite").read_bytes())
    assert judge(file) == 0
    content = report(tmp_path / "own.bench")
    assert content["accuracy"] is content["data"] is content["model"] is None
    assert content["figures"]["cost/network/macs"]["value"] == 1092
    assert content["sentence"].startswith("own.tflite fits the DCASE Task 1 limits of every year")
    assert "how well it hears was not measured" in content["sentence"]
    hears = [f"--mel.{name}={value}" for name, value in vars(MEL).items()]
    twin = judged / "runs/export/model_float.tflite"
    assert judge(file, "--data", judged / "data.h5", "--reference", twin, *hears) == 0
    content, of_run = report(tmp_path / "own.bench"), report(judged / "runs/bench")
    answered, by_run = (one["accuracy"] for one in (content, of_run))
    assert answered["files"]["own.tflite"]["whole"] == by_run["files"]["model.tflite"]["whole"]
    assert answered["pairs"][0]["agreement"] == by_run["pairs"][0]["agreement"]
    assert "seen" not in answered["files"]["own.tflite"]["parts"]["group"]  # nobody says what it was trained on


def test_a_single_file_is_no_companion_whatever_its_name(judged: Path, tmp_path: Path) -> None:
    for name in ("drop_in.tflite", "model_float16.tflite", "int8.tflite"):
        (tmp_path / name).write_bytes((judged / "runs/export/model.tflite").read_bytes())
        found = subject.of(tmp_path / name)
        assert (found.main, found.costly, found.drop_ins) == ([name], [name], {})
    with pytest.raises(UserError, match="named too much like"):  # both would have the figures of tflite/int8
        subject.of(judged / "runs/export/model.tflite", tmp_path / "int8.tflite")


def measured_on_a_board(run: Path, file: str, target: str) -> dict[str, Any]:
    board = {"name": "Board", "processor": "cortex-a72", "cores": 4, "architecture": "aarch64", "bits": 64}
    empty: dict[str, Any] = {kind: [] for kind in ("latency", "equality", "estimates", "phases", "warnings")}
    return {
        "format": 1,
        "target": target,
        "kind": "emulated",
        "made": "2026-01-01T00:00:00+00:00",
        "command": "",
        "board": {**board, "runtimes": {}, "clock_hz": 1.5e9},
        "models": {file: artifact.file_sha256(run / file)},
        "instructions": [
            {
                "file": file,
                "runtime": "r",
                "kernels": "XNNPACK",
                "threads": 1,
                "processor": "cortex-a72",
                "integer": True,
                "total": 4000,
                "classes": {"load": 4000},
            }
        ],
        **empty,
    }


def test_targets_of_these_very_files_join_the_report(
    judged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out = judged / "runs/export", tmp_path / "bench"
    result.write(out / "targets/old.json", measured_on_a_board(run, "model.tflite", "old"))
    other = {**measured_on_a_board(run, "model.tflite", "other"), "models": {"model.tflite": 64 * "0"}}
    result.write(out / "targets/other.json", other)
    assert judge(run, "--out", out) == 0
    first = report(out)
    assert [one["target"] for one in first["targets"]] == ["old"]
    assert first["figures"]["target/old/tflite/int8/instructions"]["value"] == 4000
    monkeypatch.setattr(
        "bench.boards.on_target.measure", lambda *_, **__: measured_on_a_board(run, "model_float.tflite", "pi4")
    )
    assert judge(run, "--out", out, "--target", "pi4") == 0
    second = report(out)
    assert second["made"] == first["made"]  # this machine was not measured again
    assert [one["target"] for one in second["targets"]] == ["old", "pi4"]
    assert second["figures"]["target/pi4/tflite/float/instructions"]["how"] == "measured"
    assert contents.with_targets(second, []) == {**first, **contents.with_targets(first, [])}
    assert judge(run, "--out", out, "--target", "pi4", "--data", judged / "data.h5") == 0
    assert report(out)["accuracy"]["files"].keys() >= {"model.tflite"}  # data that the report did not know: made again
    (out / "targets/old.json").write_text("{")
    before = (out / "report.json").read_bytes()
    assert judge(run, "--out", out) == 1  # before the work, not after it
    assert (out / "report.json").read_bytes() == before


def test_a_power_meter_says_what_an_inference_took_on_the_device(
    judged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = judged / "runs/export", tmp_path / "bench"
    device = {**measured_on_a_board(run, "model.tflite", "pi"), "kind": "device", "instructions": []}
    device["board"] |= {"clock_offset_seconds": 5.0}
    idle = {"phase": "idle", "file": None, "kernels": None, "threads": None, "inferences": 0}
    ran = {"phase": "inference", "file": "model.tflite", "kernels": "XNNPACK", "threads": 1, "inferences": 1000}
    device["phases"] = [{**idle, "started": 100.0, "ended": 120.0}, {**ran, "started": 120.0, "ended": 140.0}]
    result.write(out / "targets/pi.json", device)
    rows = [f"{second},{2.0 if second < 125 else 3.0}" for second in np.arange(100, 150, 0.5)]  # by the other clock
    meter = tmp_path / "meter.csv"
    meter.write_text("\n".join(["time_s,power_w", *rows]))
    assert judge(run, "--out", out, "--meter", meter) == 0
    content = report(out)
    figure = content["figures"]["energy/meter/tflite/int8/net"]
    assert (figure["value"], figure["how"]) == (pytest.approx(1.0 * 20 / 1000, rel=0.02), "measured")
    assert content["energy"]["meter"][0]["file"] == "model.tflite"
    assert content["energy"]["host"] is None
    result.write(out / "targets/twin.json", {**device, "target": "twin"})
    assert judge(run, "--out", out, "--meter", meter) == 1
    assert "covers measurements of pi and twin" in capsys.readouterr().err
    (out / "targets/twin.json").unlink()
    meter.write_text("\n".join(["time_s,power_w", *rows[:20]]))  # it was switched off before
    assert judge(run, "--out", out, "--meter", meter) == 1
    assert "covers no measurement of a device" in capsys.readouterr().err
    assert report(out) == content


def test_bad_input_gets_one_line_and_leaves_nothing(
    judged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, data = judged / "runs/export", judged / "data.h5"
    write_data(tmp_path / "other.h5")
    with h5py.File(tmp_path / "other.h5", "r+") as file:
        file["names/label"][:] = ["one", "two", "six"]  # type: ignore[index]
    (tmp_path / "text.tflite").write_text("no model")
    foreign = judged / "runs/export/model_float.onnx"
    for model, arguments, message in [
        (tmp_path, ["--data", data], "make export"),
        (run, ["--data", tmp_path / "none.h5"], "make data"),
        (run, ["--data", tmp_path / "other.h5"], "are not the model's"),
        (run, ["--data", data, "--latency_seconds", "0"], "latency_seconds is 0.0"),
        (run, ["--energy_seconds", "0"], "energy over 0 s is too short"),
        (run, ["--energy_seconds", "-1", "--target", "pi4"], "energy_seconds is -1.0"),
        (run, ["--reference", foreign], "--reference is for a single file"),
        (run, ["--target", "pi4", "--energy_seconds", "20"], "pi4 is emulated and takes no energy of its own"),
        (run, ["--target", "pi9"], "there is no target pi9: take pi3, pi4, pi5, zero2 (emulated"),
        (run, ["--compare", tmp_path / "none.json"], "cannot read"),
        (run, ["--compare", tmp_path / "text.tflite"], "is no JSON"),
        (run, ["--json", tmp_path], "is a folder: name the file to write"),
        (run, ["--json", "/dev/null"], "/dev/null is no file but a device"),
        (tmp_path / "text.tflite", [], "does not load"),
        (tmp_path / "none.tflite", [], "no file"),
        (foreign, ["--data", data], "give the front-end"),
        (run, ["--out", tmp_path / "text.tflite"], "text.tflite is a file: name another folder"),
        (run, ["--out", "/dev/null/report"], "lies below /dev/null, which is no folder"),
    ]:
        assert judge(model, "--out", tmp_path / "report", *arguments) == 1
        said = capsys.readouterr().err.strip().splitlines()
        assert message in said[-1]
        assert not any("latency:" in line for line in said), "refused before the work"
        assert not (tmp_path / "report").exists()


def test_worse_than_an_older_report_ends_with_1(
    judged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = report(judged / "runs/bench")
    old["figures"]["cost/tflite/int8/macs"]["value"] = 1000
    (tmp_path / "old.json").write_text(json.dumps(old))
    assert judge(judged / "runs/export", "--out", tmp_path / "bench", "--compare", tmp_path / "old.json") == 1
    said = capsys.readouterr()
    assert "cost/tflite/int8/macs" in said.err.strip().splitlines()[-1]
    assert (tmp_path / "bench/report.json").exists()  # what was found is kept
    assert "INT8 .tflite / float .tflite, latency" in said.out


def test_report_json_comes_last_and_only_as_the_schema_has_it(judged: Path, tmp_path: Path) -> None:
    content = report(judged / "runs/bench")
    with pytest.raises(jsonschema.ValidationError):
        document.write({**content, "verdict": 3}, tmp_path)
    assert not list(tmp_path.iterdir())
    (tmp_path / "report.html").mkdir()  # the page cannot be written
    with pytest.raises(OSError, match=r"report\.html"):
        document.write(content, tmp_path)
    assert not (tmp_path / "report.json").exists()  # else make would take the report for complete
