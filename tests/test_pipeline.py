"""The whole line on a tiny data set, through its commands: what comes out, that it repeats, what each stage refuses."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import bench.__main__ as bench_command
import export.__main__ as export_command
from bench.report import document
from compress import program, simulate
from compress.ptq.__main__ import quantize_trained
from compress.qat import train_qat
from compress.quantized_run import simulated
from compress.sensitivity.__main__ import sensitivity
from export.runtimes import Runtime
from tests.support import tiny_data, tiny_run
from tinyasc import artifact, front_end, metrics, recipe
from tinyasc.clips import Clips
from train.student import train_student
from train.teacher import train_teacher

pytestmark = pytest.mark.slow

FIT = """
examples: {cache: true}
compute: {threads: 1, device: cpu}
fit:
  epochs: 4
  batch_size: 8
  learning_rate: 5.0e-3
  weight_decay: 0.0
  schedule: [{shape: exponential, epochs: 1}, {shape: hold, epochs: 1}, {shape: linear, epochs: 2, to: 0.005}]
"""
RECIPES = {
    "teacher": """
architecture: passt
model: {embed_dim: 16, depth: 1, num_heads: 2}
mel: {n_fft: 1024, win_length: 800, hop_length: 320, n_mels: 128}
augmentation: {}
""",
    "student": """
architecture: cp_mobile
model: {base_channels: 8, channels_multiplier: 1.5, expansion_rate: 1.5, global_response_norm: false}
mel: {n_fft: 1024, win_length: 800, hop_length: 500, n_mels: 64}
augmentation: {time_roll: 2500}
distillation: {hard_weight: 0.5}
""",
    "qat": """
augmentation: {time_roll: 2500}
distillation: {hard_weight: 0.5}
observe_epochs: 3
range_momentum: 0.1
""",
}

ROOT = Path(__file__).parent.parent
# python -m compress.qat, killed the moment its first checkpoint lies on the disk
KILLED_QAT = """
import os, signal, sys
from compress.qat import train_qat
from tinyasc import recipe
from train.fit.checkpoint import Checkpoints

save = Checkpoints.save

def save_and_die(*arguments):
    save(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)

Checkpoints.save = save_and_die
recipe.run(train_qat, sys.argv[1:])
"""


class Line:
    """The commands of the line in one folder; each returns its exit code."""

    def __init__(self, folder: Path):
        self.folder = folder
        for stage, text in RECIPES.items():
            (folder / f"{stage}.yaml").write_text(text + FIT)
        self.data = ["--data", str(folder / "data.h5")]
        self.teacher_run = ["--teacher", str(folder / "teacher")]

    def _recipe(self, stage: str) -> list[str]:
        return ["--config", str(self.folder / f"{stage}.yaml")]

    def _model(self, run: str, out: str) -> list[str]:
        return ["--model", str(self.folder / run), "--out", str(self.folder / out)]

    def prepare(self) -> None:
        tiny_data.write(self.folder / "set").rename(self.folder / "data.h5")

    def teacher(self) -> int:
        return recipe.run(train_teacher, [*self._recipe("teacher"), *self.data, "--out", str(self.folder / "teacher")])

    def student(self) -> int:
        flags = [*self.data, *self.teacher_run, "--out", str(self.folder / "student")]
        return recipe.run(train_student, [*self._recipe("student"), *flags])

    def qat_flags(self, out: str) -> list[str]:
        return [*self._recipe("qat"), *self._model("student", out), *self.data, *self.teacher_run]

    def qat(self, out: str = "qat") -> int:
        return recipe.run(train_qat, self.qat_flags(out))

    def ptq(self, *more: str) -> int:
        flags = [*self._model("student", "ptq"), *self.data, "--ptq.adaround.steps", "50", "--threads", "1"]
        return recipe.run(quantize_trained, [*flags, *more])

    def export(self, run: str = "qat", out: str = "export") -> int:
        return recipe.run(export_command.export, self._model(run, out))

    def bench(self) -> int:
        flags = [*self._model("export", "bench"), *self.data, "--latency_seconds", "0.3"]
        with tiny_run.few_processes():
            return recipe.run(bench_command.judge, flags)


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    line = Line(tmp_path_factory.mktemp("line"))
    line.prepare()
    assert [stage() for stage in (line.teacher, line.student, line.qat, line.export, line.bench)] == [0] * 5
    return line


def test_the_files_are_proven_to_be_the_program(line: Line) -> None:
    parity = json.loads((line.folder / "export/parity.json").read_text())
    found = [(entry["file"], entry["threads"], entry["differing"]) for entry in parity["agreements"]]
    assert found == [("model.tflite", 1, 0), ("model.tflite", 2, 0), ("model.onnx", 1, 0)]
    assert all(entry["inputs"] >= 2000 and entry["logits"] == 2 * entry["inputs"] for entry in parity["agreements"])
    assert parity["inputs"]["all zero"] == parity["inputs"]["all lowest"] == parity["inputs"]["all highest"] == 1
    assert parity["inputs"]["real"] > 10
    assert sum(parity["inputs"].values()) == parity["agreements"][0]["inputs"]
    assert "XNNPACK" in parity["agreements"][0]["kernels"]
    for entry in parity["drop_in"]:
        assert entry["relative_difference"] <= entry["tolerance"]
        assert entry["largest_difference"] <= 1
    assert {(entry["file"], entry["waveforms"]) for entry in parity["drop_in"]} == {
        (f"drop_in.{kind}", waveforms) for kind in ("tflite", "onnx") for waveforms in ("sounds", "tones")
    }


def test_the_report_measures_what_training_said(line: Line) -> None:
    card = artifact.load_card(line.folder / "export", "export")
    assert [parent["stage"] for parent in card.lineage] == ["teacher", "student", "qat"]
    figures = document.read(line.folder / "bench/report.json").figures
    assert figures["accuracy/tflite/int8/macro"].provenance == "measured"
    assert figures["accuracy/tflite/int8/macro"].value == pytest.approx(card.accuracy["macro"], abs=1e-9)
    drop_in = line.folder / "export/drop_in.tflite"
    assert figures["size/tflite/drop_in"].value == drop_in.stat().st_size
    assert figures["latency/tflite/drop_in/median"].provenance == "measured"
    assert (figures["accuracy/tflite/drop_in/same_answers"].value or 0) > 0.8
    page = (line.folder / "bench/report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "Drop-in files" in page
    assert "1 all zero" in page


def test_post_training_quantization_takes_the_place_of_training(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    assert line.ptq("--scheme.activations", "symmetric") == 0
    assert "top-1 agreement" in capsys.readouterr().out
    assert line.export("ptq", "export_ptq") == 0
    card = artifact.load_card(line.folder / "export_ptq", "export")
    assert [parent["stage"] for parent in card.lineage] == ["teacher", "student", "ptq"]
    int8 = program.load(line.folder / "ptq/int8.program")
    assert {found.zero_point for found in int8.quantizations.values()} == {-128, 0}
    found = line.folder / "ptq.json"
    flags = ["--model", str(line.folder / "ptq"), *line.data, "--json", str(found)]
    assert recipe.run(sensitivity, flags) == 0
    assert min(layer["whole"] for layer in json.loads(found.read_text())["layers"]) > 10  # dB
    with Clips(line.folder / "data.h5") as clips:
        test = clips.labelled("test")
        logits = simulated(int8, clips, front_end.from_card(card.mel), test)
        assert metrics.score_test(logits, clips, clips.train_devices).macro == card.accuracy["macro"]


def test_the_same_seed_gives_the_same_files(line: Line) -> None:
    assert (line.qat("qat2"), line.export("qat2", "export2")) == (0, 0)
    names = [f"{stem}.{kind}" for stem in ("model", "drop_in", "model_float") for kind in ("tflite", "onnx")]
    for name in names:
        assert (line.folder / "export" / name).read_bytes() == (line.folder / "export2" / name).read_bytes(), name


def test_killed_qat_goes_on_and_ends_with_the_same_program(line: Line, capfd: pytest.CaptureFixture[str]) -> None:
    process = subprocess.run([sys.executable, "-c", KILLED_QAT, *line.qat_flags("killed")], cwd=ROOT, check=False)
    assert process.returncode == -signal.SIGKILL
    assert (line.folder / "killed.partial/checkpoint.pt").exists()
    assert not (line.folder / "killed").exists()
    capfd.readouterr()
    assert line.qat("killed") == 0
    assert "going on after epoch 1" in "".join(capfd.readouterr())
    assert [path.name for path in line.folder.glob("killed*")] == ["killed"]
    killed, whole = (line.folder / run / "int8.program.safetensors" for run in ("killed", "qat"))
    assert killed.read_bytes() == whole.read_bytes()


def test_a_runtime_that_differs_stops_the_export(
    line: Line, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    honest = export_command.onnx_runtime

    def wrong_once(path: Path, threads: int) -> Runtime:
        runtime = honest(path, threads)

        def run(inputs: np.ndarray) -> np.ndarray:
            outputs = runtime.run(inputs)
            outputs[0, 0] ^= 1
            return outputs

        return Runtime(runtime.name, runtime.kernels, runtime.threads, run)

    monkeypatch.setattr(export_command, "onnx_runtime", wrong_once)
    assert line.export("qat", "wrong") == 1
    message = capsys.readouterr().err
    assert "model.onnx in onnxruntime" in message
    assert "nothing was written" in message
    assert not list(line.folder.glob("wrong*"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--inputs", "10"), "inputs is 10"),
        (("--waveforms", "5"), "waveforms is 5"),
        (("--seed", "-1"), "seed is -1"),
    ],
)
def test_an_export_that_would_prove_little_or_not_begin_is_refused(
    line: Line, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], message: str
) -> None:
    flags = ["--model", str(line.folder / "qat"), "--out", str(line.folder / "refused")]
    assert recipe.run(export_command.export, [*flags, *more]) == 1
    assert message in capsys.readouterr().err
    assert not list(line.folder.glob("refused*"))


def test_the_sample_holds_real_inputs_of_the_program(line: Line) -> None:
    int8 = program.load(line.folder / "qat/int8.program")
    sample = load_file(line.folder / "qat/sample.safetensors")["log_mel"]
    card = artifact.load_card(line.folder / "qat")
    with Clips(line.folder / "data.h5") as clips:
        heard = front_end.features(clips.waveform(clips.indices("train")), front_end.from_card(card.mel))
    known = simulate.quantize_input(int8, heard[:, None]).astype(int)
    for one in sample.astype(int):
        assert min(np.abs(known - one).max(axis=(1, 2, 3))) <= 1  # two front-ends, one step at most


@pytest.mark.parametrize(
    ("stage", "needed"),
    [
        ("teacher", "make data"),
        ("student", "make data"),
        ("qat", "make student"),
        ("export", "make qat"),
        ("bench", "make export"),
    ],
)
def test_a_stage_without_its_input_says_what_makes_it(
    stage: str, needed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert getattr(Line(tmp_path), stage)() == 1
    message = capsys.readouterr().err.strip()
    assert needed in message
    assert "\n" not in message


def test_a_student_of_another_data_set_is_refused(
    line: Line, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = str(tiny_data.write(tmp_path / "other", seed=7))
    line_data, line.data = line.data, ["--data", other]
    try:
        assert line.qat("other") == 1
    finally:
        line.data = line_data
    assert "another data set" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--compute.devices", "2"), "ranges of the activations are observed on one device"),
        (("--compute.precision", "bfloat16"), "bfloat16 cannot hold the integers"),
        (("--compute.compile", "true"), "take compile false"),
        (("--fit.average", "0.9"), "take average 0"),
        (("--observe_epochs", "-1"), "observe_epochs is -1"),
        (("--scheme.wide", "[nonsense]"), "nonsense is no value of the program"),
    ],
)
def test_what_is_not_the_integer_program_is_not_trained(
    line: Line, capfd: pytest.CaptureFixture[str], more: tuple[str, ...], message: str
) -> None:
    assert recipe.run(train_qat, [*line.qat_flags("refused"), *more]) == 1
    assert message in capfd.readouterr().err
    assert not list(line.folder.glob("refused*"))


def test_a_dry_run_of_qat_measures_and_writes_nothing(line: Line, capfd: pytest.CaptureFixture[str]) -> None:
    before = sorted(line.folder.rglob("*"))
    assert recipe.run(train_qat, [*line.qat_flags("dry"), "--dry_run"]) == 0
    said = capfd.readouterr().out
    assert "24 an epoch; 12 to be scored on in the end" in said
    assert "3 an epoch of 8 clips (devices x parts x clips: 1 x 1 x 8), 4 epochs: 12" in said
    assert "int8.program.*" in said
    assert sorted(line.folder.rglob("*")) == before
