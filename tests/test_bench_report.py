"""The whole judge on a tiny export run: its figures against arithmetic, its page against the network."""

import json
import re
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bench import __main__ as command
from bench.report import content as report
from bench.report import plots
from tests import tiny_models
from tinyasc import artifact, clips, recipe
from tinyasc.mel import MelConfig

MEL = MelConfig(n_mels=tiny_models.F, hop_length=6399, n_fft=1024, win_length=800)  # one second gives 8 x 6
LABELS, DEVICES = ["bus", "metro_station", "tram"], ["a", "b", "s4"]


def write_data(path: Path, clips_of_each: int = 4) -> None:
    """A prepared file: one train clip by device a and b each, the rest test, by all three devices."""
    generator = np.random.default_rng(0)
    n = 2 + clips_of_each * len(LABELS) * len(DEVICES)
    index = np.arange(n - 2)
    columns = {
        "label": np.concatenate([[0, 1], index % 3]),
        "device": np.concatenate([[0, 1], index // 3 % 3]),
        "city": np.zeros(n, int),
        "recording": np.concatenate([[0, 1], 2 + index // 2]),
        "split": np.concatenate([[0, 0], np.ones(n - 2, int)]),
    }
    with h5py.File(path, "w") as file:
        loudness = np.exp(generator.uniform(-6, -1, (n, 1)))
        file["pcm"] = (
            (loudness * generator.standard_normal((n, 32_000)) * 2**13).clip(-(2**15), 2**15 - 1).astype("<i2")
        )
        for name, column in columns.items():
            file[name] = column.astype(np.int16)
        rest = {
            "length": np.full(n, 32_000),
            "joined": np.zeros(n),
            "row": np.arange(n),
            "source_rate": np.full(n, 44_100),
        }
        for name, column in rest.items():
            file[name] = column.astype(np.int32)
        file["digest"] = np.zeros((1, 32), np.uint8)
        file["file"] = [f"{i}.wav" for i in range(n)]
        names = {"label": LABELS, "device": DEVICES, "city": ["lyon"], "split": list(clips.SPLITS), "subset": []}
        names["recording"] = [f"r{i}" for i in range(columns["recording"].max() + 1)]
        for name, values in names.items():
            file.create_dataset(f"names/{name}", (len(values),), h5py.string_dtype(), np.array(values, object))
        file["whole"] = np.ones(len(names["recording"]), np.int8)
        facts = {"source": "field trip", "checksum": "c0ffee", "versions": "{}"}
        file.attrs.update(format=clips.FORMAT, sample_rate=32_000, **facts)


def write_run(run: Path) -> None:
    weights = tiny_models.random_weights()
    parents = [
        {"stage": "teacher", "architecture": "passt", "cost": {"macs": 2_000_000_000}, "accuracy": {"macro": 0.9}},
        {"stage": "student", "architecture": "cp_mobile", "cost": {}, "accuracy": {}},
    ]
    with artifact.new_run(run) as new:
        for integer, name in ((True, "model"), (False, "model_float")):
            tiny_models.write_tflite(new.path(f"{name}.tflite"), integer, weights)
            tiny_models.write_onnx(new.path(f"{name}.onnx"), integer, weights)
        found = {"file": "model.tflite", "runtime": "r 1", "kernels": "k", "threads": 1, "inputs": 1000}
        found |= {"logits": 3000, "differing": 0, "largest_difference": 0}
        new.path("parity.json").write_text(json.dumps({"agreements": [found]}))
        new.card = artifact.ModelCard(
            stage="export",
            architecture="tiny",
            config={},
            mel=asdict(MEL),
            labels=LABELS,
            cost={},
            accuracy={},
            data={"checksum": "c0ffee", "train_devices": ["a", "b"]},
            seed=0,
            lineage=[{**parent, "config": {}, "sha256": parent["stage"]} for parent in parents],
        )


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder after `python -m bench`: data.h5, runs/export, runs/bench and copy.json."""
    folder = tmp_path_factory.mktemp("judged")
    write_data(folder / "data.h5")
    write_run(folder / "runs/export")
    arguments = ["--model", str(folder / "runs/export"), "--data", str(folder / "data.h5")]
    arguments += ["--json", str(folder / "copy.json"), "--latency_seconds", "0.1"]
    assert recipe.run(command.judge, arguments) == 0
    return folder


def test_figures_say_what_they_are_and_fit_together(judged: Path) -> None:
    content = json.loads((judged / "runs/bench/report.json").read_text())
    assert content == json.loads((judged / "copy.json").read_text())
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
    counts = np.array(content["confusion"]["counts"])
    assert counts.sum() == content["data"]["test_clips"] == 36
    assert int8["value"] == pytest.approx((np.diag(counts) / counts.sum(axis=1)).mean())
    assert int8["interval"][0] <= int8["value"] <= int8["interval"][1]
    assert figures["accuracy/tflite/int8/city/lyon"] == int8  # the one there is
    assert len(figures["accuracy/tflite/int8/class/tram"]["interval"]) == 2
    assert content["data"]["test_moments"] == content["data"]["test_recordings"] == 18  # other names tell nothing
    groups = {name: figures[f"accuracy/tflite/int8/group/{name}"]["value"] for name in ("seen", "unseen")}
    assert groups["unseen"] == figures["accuracy/tflite/int8/device/s4"]["value"]
    assert figures["cost/int8/macs"]["value"] == 1092
    assert figures["size/tflite/int8"]["value"] == (judged / "runs/export/model.tflite").stat().st_size
    assert figures["latency/tflite/int8_over_float"]["value"] > 0
    assert content["passed"] == {"2022": True, "2023": True, "2024": True, "2025": True}
    assert content["agreement"]["float"]["same_top1"] > 30  # 36 clips; INT8 is close to float
    assert content["agreement"]["onnx"]["identical"] < 36  # another network in this test


class References(HTMLParser):
    """Everything a page could load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.found += [value or "" for name, value in attrs if name.split(":")[-1] in ("src", "href", "srcset", "data")]


def test_page_is_complete_in_itself(judged: Path) -> None:
    page = (judged / "runs/bench/report.html").read_text()
    references = References()
    references.feed(page)
    assert all(reference.startswith("#") for reference in references.found)
    assert not {"script", "link", "iframe", "object", "img"} & set(references.tags)
    assert references.tags.count("svg") == 4
    assert not re.findall(r"@import|url\((?!#)", page)
    identifiers = re.findall(r'\bid="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers))
    assert all(reference[1:] in identifiers for reference in references.found)
    content = json.loads((judged / "copy.json").read_text())
    assert content["sentence"] in page
    assert "different logits on" in page
    assert "metro station" in page
    assert "none</b> of 3,000 logits differ" in page
    assert "Made-up data" not in page
    for label in ("measured", "estimated", "quoted"):
        assert f'<span class="how {label}">' in page


def test_bad_input_gets_one_line_and_leaves_nothing(
    judged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, data = judged / "runs/export", judged / "data.h5"
    write_data(tmp_path / "other.h5")
    with h5py.File(tmp_path / "other.h5", "r+") as file:
        file["names/label"][:] = ["one", "two", "six"]  # type: ignore[index]
    for arguments, message in [
        (["--model", str(tmp_path), "--data", str(data)], "make export"),
        (["--model", str(run), "--data", str(tmp_path / "none.h5")], "make data"),
        (["--model", str(run), "--data", str(tmp_path / "other.h5")], "are not the model's"),
        (["--model", str(run), "--data", str(data), "--latency_seconds", "0"], "latency_seconds is 0.0"),
    ]:
        assert recipe.run(command.judge, [*arguments, "--out", str(tmp_path / "report")]) == 1
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert message in error
        assert not (tmp_path / "report").exists()


def test_report_json_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "assemble", lambda findings: {"format": report.FORMAT})
    monkeypatch.setattr(report, "render", lambda findings, content: "<p>")
    (tmp_path / "report.html").mkdir()  # the page cannot be written
    findings: Any = None
    with pytest.raises(OSError, match=r"report\.html"):
        report.write(findings, tmp_path)
    assert not (tmp_path / "report.json").exists()  # else make would take the report for complete


def test_sentence_names_the_years_and_the_loss(judged: Path) -> None:
    page = json.loads((judged / "copy.json").read_text())["sentence"]
    assert "every year from 2022 to 2025" in page
    assert report._list([2022]) == "2022"
    assert report._list([2022, 2023, 2025]) == report._span([2022, 2023, 2025]) == "2022, 2023 and 2025"
    assert report._span([2023, 2024, 2025]) == "2023 to 2025"


@pytest.mark.parametrize(("number", "text"), [(0.5, "0.500"), (1.236, "1.24"), (114.2, "114"), (79.25, "79.2")])
def test_three_digits_end_in_no_point(number: float, text: str) -> None:
    assert plots.three_digits(number) == text
