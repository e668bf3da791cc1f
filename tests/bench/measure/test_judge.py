"""The whole judge on a tiny export run and on foreign files: its figures against arithmetic, and what it writes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bench import __main__ as command
from bench.boards.device import result
from bench.boards.device.result import TargetResult
from bench.boards.targets import boards
from bench.measure import records, subject
from bench.measure.energy.meter import Phase
from bench.measure.figure import QUOTED, Figure, path_of
from bench.report import document, page
from bench.report.document import Report
from tests.support import tiny_results
from tests.support.tiny_report import edited
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


def report(folder: Path) -> Report:
    return document.read(folder / "report.json")


def test_figures_say_what_they_are_and_fit_together(judged: Path) -> None:
    found = report(judged / "runs/bench")
    assert found == document.read(judged / "copy.json")
    paths = found.figures
    assert sum(1 for _ in walked(found)) == len(paths)  # no path twice
    for name, figure in paths.items():
        assert figure.path == name
        assert figure.unit, name
        assert figure.source, name
    source = "model card of the teacher run"
    assert paths["accuracy/teacher/macro"] == Figure(0.9, "fraction", QUOTED, source, path="accuracy/teacher/macro")
    assert paths["accuracy/student/macro"].value is None
    int8 = paths["accuracy/tflite/int8/macro"]
    assert found.answered is not None
    assert found.data is not None
    assert found.accuracy is not None
    counts = np.array(found.answered.confusion)
    assert counts.sum() == found.data.test_clips == 36
    assert int8.value == pytest.approx((np.diag(counts) / counts.sum(axis=1)).mean())
    low, high = int8.interval or (1.0, 0.0)
    assert low <= (int8.value or 0.0) <= high
    city = paths["accuracy/tflite/int8/city/lyon/macro"]
    assert (city.value, city.interval) == (int8.value, int8.interval)  # the one there is
    assert paths["accuracy/tflite/int8/class/tram/macro"].interval is not None
    assert found.data.test_moments == found.data.test_recordings == 18  # other names tell nothing
    unseen = paths["accuracy/tflite/int8/group/unseen/macro"].value
    assert unseen == paths["accuracy/tflite/int8/device/s4/macro"].value
    assert "accuracy/tflite/int8/group/seen/macro" in paths
    assert paths["cost/tflite/int8/macs"].value == 1092
    assert paths["size/tflite/int8"].value == (judged / "runs/export/model.tflite").stat().st_size
    assert (paths["latency/tflite/int8_over_float"].value or 0) > 0
    assert (paths["memory/tflite/int8/resident_peak"].value or 0) > 1e7
    assert {year: one.passed for year, one in found.compliance.years.items()} == dict.fromkeys(range(2022, 2026), True)
    twins, formats = found.accuracy.pairs
    assert twins.agreement.same_top1 > 30  # 36 clips; INT8 is close to float
    assert formats.exact is not None
    assert formats.exact.identical < 36  # another network in this test
    assert found.sentence.startswith("The INT8 model fits the DCASE Task 1 limits of every year from 2022 to 2025")
    assert found.sentence.endswith("its float twin.")
    assert (found.energy, found.targets) == (None, [])


def walked(node: Any) -> Iterator[Figure]:
    """Figures, found in another way than `bench.measure.figure` finds them."""
    if isinstance(node, Figure):
        yield node
    elif isinstance(node, list | tuple):
        yield from (figure for child in node for figure in walked(child))
    elif isinstance(node, dict) or hasattr(node, "__dataclass_fields__"):
        children = node if isinstance(node, dict) else {name: getattr(node, name) for name in node.__dataclass_fields__}
        yield from (figure for child in children.values() for figure in walked(child))


def test_the_schema_holds_what_is_written(judged: Path) -> None:
    schema = records.schema(Report)
    content = json.loads((judged / "copy.json").read_text())
    assert set(schema["$defs"]["Report"]["properties"]) == set(content)
    assert schema["$defs"]["Figure"]["properties"]["provenance"] == {"enum": ["estimated", "measured", "quoted"]}
    assert set(schema["$defs"]["Report"]["required"]) == set(content) - {"format"}


def test_the_page_is_made_from_the_report_alone(judged: Path) -> None:
    html = (judged / "runs/bench/report.html").read_text()
    assert html == page.render(document.read(judged / "copy.json"))
    assert report(judged / "runs/bench").sentence in html


def test_a_file_from_elsewhere_is_judged_without_a_card(judged: Path, tmp_path: Path) -> None:
    file = tmp_path / "own.tflite"
    file.write_bytes((judged / "runs/export/model.tflite").read_bytes())
    assert judge(file) == 0
    found = report(tmp_path / "own.bench")
    assert found.accuracy is found.data is found.card is None
    assert found.figures["cost/network/macs"].value == 1092
    assert found.sentence.startswith("own.tflite fits the DCASE Task 1 limits of every year")
    assert "how well it hears was not measured" in found.sentence
    hears = [f"--mel.{name}={value}" for name, value in vars(MEL).items()]
    twin = judged / "runs/export/model_float.tflite"
    assert judge(file, "--data", judged / "data.h5", "--reference", twin, *hears) == 0
    found, of_run = report(tmp_path / "own.bench"), report(judged / "runs/bench")
    assert found.answered is not None
    assert of_run.answered is not None
    assert found.pair is not None
    assert of_run.pair is not None
    whole, by_run = found.answered.whole, of_run.answered.whole
    assert (whole.macro.value, whole.macro.interval) == (by_run.macro.value, by_run.macro.interval)
    assert (whole.log_loss.value, whole.clips, whole.moments) == (by_run.log_loss.value, by_run.clips, by_run.moments)
    assert found.pair.agreement == of_run.pair.agreement
    assert "seen" not in found.answered.parts["group"]  # nobody says what it was trained on


def test_a_single_file_is_no_companion_whatever_its_name(judged: Path, tmp_path: Path) -> None:
    for name in ("drop_in.tflite", "model_float16.tflite", "int8.tflite"):
        (tmp_path / name).write_bytes((judged / "runs/export/model.tflite").read_bytes())
        found = subject.of(tmp_path / name).model
        assert (found.main, found.costly, found.drop_ins) == ([name], [name], {})
    with pytest.raises(UserError, match="named too much like"):  # both would have the figures of tflite/int8
        subject.of(judged / "runs/export/model.tflite", tmp_path / "int8.tflite")


def measured_on_a_board(run: Path, file: str, target: str) -> TargetResult:
    counted = tiny_results.instructions(4000, file=file)
    total = replace(counted.total, path=f"target/{target}/{path_of(file)}/instructions")
    models = {file: artifact.file_sha256(run / file)}
    return tiny_results.result("emulated", target=target, models=models, instructions=[replace(counted, total=total)])


def test_targets_of_these_very_files_join_the_report(
    judged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out = judged / "runs/export", tmp_path / "bench"
    result.write(out / "targets/old.json", measured_on_a_board(run, "model.tflite", "old"))
    other = replace(measured_on_a_board(run, "model.tflite", "other"), models={"model.tflite": 64 * "0"})
    result.write(out / "targets/other.json", other)
    assert judge(run, "--out", out) == 0
    first = report(out)
    assert [one.target for one in first.targets] == ["old"]
    assert first.figures["target/old/tflite/int8/instructions"].value == 4000
    monkeypatch.setattr(
        "bench.boards.on_target.measure", lambda *_, **__: measured_on_a_board(run, "model_float.tflite", "pi4")
    )
    assert judge(run, "--out", out, "--target", "pi4") == 0
    second = report(out)
    assert second.made == first.made  # this machine was not measured again
    assert [one.target for one in second.targets] == ["old", "pi4"]
    assert second.figures["target/pi4/tflite/float/instructions"].provenance == "measured"
    assert replace(second, targets=[]) == replace(first, targets=[])
    assert judge(run, "--out", out, "--target", "pi4", "--data", judged / "data.h5") == 0
    assert report(out).answered is not None  # data that the report did not know: made again
    (out / "targets/old.json").write_text("{")
    before = (out / "report.json").read_bytes()
    assert judge(run, "--out", out) == 1  # before the work, not after it
    assert (out / "report.json").read_bytes() == before


def test_a_power_meter_says_what_an_inference_took_on_the_device(
    judged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = judged / "runs/export", tmp_path / "bench"
    phases = [
        Phase("idle", None, None, None, 100.0, 120.0, 0),
        Phase("inference", "model.tflite", "XNNPACK", 1, 120.0, 140.0, 1000),
    ]
    device = replace(measured_on_a_board(run, "model.tflite", "pi"), kind="device", instructions=[], phases=phases)
    device = replace(device, board=replace(device.board, clock_offset_seconds=5.0))
    result.write(out / "targets/pi.json", device)
    rows = [f"{second},{2.0 if second < 125 else 3.0}" for second in np.arange(100, 150, 0.5)]  # by the other clock
    meter = tmp_path / "meter.csv"
    meter.write_text("\n".join(["time_s,power_w", *rows]))
    assert judge(run, "--out", out, "--meter", meter) == 0
    found = report(out)
    figure = found.figures["energy/meter/tflite/int8/net"]
    assert (figure.value, figure.provenance) == (pytest.approx(1.0 * 20 / 1000, rel=0.02), "measured")
    assert found.energy is not None
    assert (found.energy.meter[0].file, found.energy.host) == ("model.tflite", None)
    result.write(out / "targets/twin.json", replace(device, target="twin"))
    assert judge(run, "--out", out, "--meter", meter) == 1
    assert "covers measurements of pi and twin" in capsys.readouterr().err
    (out / "targets/twin.json").unlink()
    meter.write_text("\n".join(["time_s,power_w", *rows[:20]]))  # it was switched off before
    assert judge(run, "--out", out, "--meter", meter) == 1
    assert "covers no measurement of a device" in capsys.readouterr().err
    assert report(out) == found


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
        (run, ["--target", "pi9"], f"there is no target pi9: take {', '.join(boards.known())} (emulated"),
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
    old = edited(report(judged / "runs/bench"), ("figures:cost/tflite/int8/macs", {"value": 1000}))
    (tmp_path / "old.json").write_bytes(records.encode(old))
    assert judge(judged / "runs/export", "--out", tmp_path / "bench", "--compare", tmp_path / "old.json") == 1
    said = capsys.readouterr()
    assert "cost/tflite/int8/macs" in said.err.strip().splitlines()[-1]
    assert (tmp_path / "bench/report.json").exists()  # what was found is kept
    assert "INT8 .tflite / float .tflite, latency" in said.out


def test_report_json_comes_last_and_only_as_its_types_have_it(judged: Path, tmp_path: Path) -> None:
    found = report(judged / "runs/bench")
    with pytest.raises(records.RecordError, match=r"Expected `str`, got `int` - at `\$\.sentence`"):
        page.write(replace(found, sentence=3), tmp_path)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
    (tmp_path / "report.html").mkdir()  # the page cannot be written
    with pytest.raises(OSError, match=r"report\.html"):
        page.write(found, tmp_path)
    assert not (tmp_path / "report.json").exists()  # else make would take the report for complete
