"""The whole room on tiny files: which ways are timed, what is left out and why, and what it tells the report."""

from pathlib import Path

import pytest

from bench.measure.environments import TFLITE_RUNTIME
from bench.measure.figure import figures
from bench.measure.latency import end_to_end, measure, rounds, start
from bench.measure.latency.end_to_end import Sound
from bench.measure.latency.order_statistics import Median
from bench.measure.latency.variants import Kernels, Variant
from bench.measure.records import decode, encode
from tests.support import tiny_models
from tinyasc import machine
from tinyasc.errors import UserError
from tinyasc.mel import MelConfig

SOUND = Sound(32_000, MelConfig(n_mels=tiny_models.F, hop_length=6399, n_fft=1024, win_length=800))  # gives 8 x 6
STAND_IN = """#!/bin/sh
echo '{"kernels": "tflite-runtime 2, stand-in"}'
while read -r line; do echo 2000000; done
"""
REFUSING = """#!/bin/sh
echo '{"error": "version 9 of CONV_2D is not known"}'
"""


def environment(folder: Path, script: str) -> Path:
    """A folder of environments with a stand-in for tflite-runtime's Python."""
    python = folder / TFLITE_RUNTIME / "bin/python"
    python.parent.mkdir(parents=True)
    for package in ("tflite_runtime-2.14.0", "numpy-1.26.4"):  # what looks for an environment looks for them
        information = folder / TFLITE_RUNTIME / "lib/python3.11/site-packages" / f"{package}.dist-info"
        information.mkdir(parents=True)
        name, version = package.split("-")
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    python.write_text(script)
    python.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, weights = tmp_path_factory.mktemp("export"), tiny_models.random_weights()
    for integer, stem in ((True, "model"), (False, "model_float")):
        tiny_models.write_tflite(folder / f"{stem}.tflite", integer, weights)
        tiny_models.write_onnx(folder / f"{stem}.onnx", integer, weights)
    return {path.name: path for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def found(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> measure.Latencies:
    environments = environment(tmp_path_factory.mktemp("environments"), STAND_IN)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(machine, "usable_cores", lambda: 2)
        thorough = ["model.tflite", "model_float.tflite", "model.onnx"]
        return measure.measure(files, thorough, SOUND, seconds=0.01, environments=environments, cpu="Some CPU")


def timed(found: measure.Latencies, file: str, kernels: Kernels = "default", threads: int = 1) -> measure.TimedVariant:
    wanted = Variant(file, kernels, threads).name
    return next(one for one in found.variants if one.name == wanted)


def test_every_way_that_there_is(found: measure.Latencies) -> None:
    names = {variant.name for variant in found.variants}
    ways = ["", "/2_threads", "/built_in", "/built_in/2_threads", "/tflite_runtime", "/tflite_runtime/2_threads"]
    expected = {f"{file}{way}" for file in ("model.tflite", "model_float.tflite") for way in ways}
    assert names == expected | {"model.onnx", "model.onnx/2_threads", "model_float.onnx"}
    assert timed(found, "model.tflite", "tflite_runtime", 2).median.value == 2.0
    assert "built-in" in timed(found, "model_float.tflite", "built_in").runtime
    assert [one.name for one in found.skipped] == ["4 threads"]
    assert "2 cores" in found.skipped[0].reason
    one, two = (timed(found, "model.tflite", threads=threads).runs for threads in (1, 2))
    assert one >= rounds.LEAST_ROUNDS
    assert two >= measure.LEAST_ROUNDS_OF_MORE_THREADS


def test_figures_keep_their_paths(found: measure.Latencies) -> None:
    paths = figures(found)
    usual = timed(found, "model.tflite")
    assert found.usual("model.tflite") is usual
    assert paths["latency/tflite/int8/median"] == usual.median
    assert f"one thread, {usual.runs} interleaved runs, Some CPU" in paths["latency/tflite/int8/p95"].source
    assert paths["latency/tflite/int8/p99"].value is None  # of 60 runs
    assert "2 threads" in paths["latency/tflite/int8/tflite_runtime/2_threads/median"].source
    assert paths["latency/tflite/int8_over_float/tflite_runtime"].value == 1.0
    for path in (
        "latency/tflite/int8_over_float",
        "latency/tflite/int8_over_float/built_in/2_threads",
        "latency/tflite/float/built_in/2_threads/median",
        "latency/onnx/float/start/loading",
        "latency/onnx/int8/end_to_end/front_end",
        "latency/tflite/int8/end_to_end/front_end_share",
    ):
        assert (paths[path].value or 0) > 0, path
    assert "latency/onnx/int8_over_float" not in paths  # its float file is none of the thorough ones


def test_what_was_found_is_json_and_joins_profiles_with_layers(found: measure.Latencies) -> None:
    assert decode(encode(found), measure.Latencies) == found
    profile = found.profiles["model.tflite"]
    assert set(found.profiles) == {"model.tflite", "model.onnx"}  # those of integers
    assert [step.operations for step in profile.steps][:2] == [["PAD", "CONV_2D"], ["DEPTHWISE_CONV_2D"]]
    assert sum(step.macs for step in profile.steps) == 1092  # as tests/bench/measure/test_graph.py counts them by hand
    assert profile.share(profile.sum) == 1.0
    assert set(found.starts) == {"model.tflite", "model_float.tflite", "model.onnx", "model_float.onnx"}
    assert set(found.end_to_end["model.tflite"].parts) == set(end_to_end.PARTS)
    assert found.end_to_end["model.tflite"].drop_in_milliseconds is None


def test_a_float_twin_may_have_any_name(files: dict[str, Path], tmp_path: Path) -> None:
    pair = {"a.tflite": files["model.tflite"], "b.tflite": files["model_float.tflite"], "c.onnx": files["model.onnx"]}
    found = measure.measure(pair, list(pair), seconds=0.01, environments=tmp_path)
    assert {(ratio.variant.file, ratio.reference) for ratio in found.ratios} == {("a.tflite", "b.tflite")}
    assert "latency/tflite/a_over_b" in figures(found)


def test_a_foreign_file_alone(files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "usable_cores", lambda: 1)
    one = {"foreign.tflite": files["model_float.tflite"]}
    found = measure.measure(one, list(one), seconds=0.01, environments=tmp_path / "environments")
    assert {variant.name for variant in found.variants} == {"foreign.tflite", "foreign.tflite/built_in"}
    assert (found.ratios, found.end_to_end) == ([], {})
    assert set(found.profiles) == {"foreign.tflite"}  # of reals, since there is no other
    why = {one.name: one.reason for one in found.skipped}
    assert set(why) == {"2 threads", "4 threads", "tflite-runtime", "from the waveform"}
    assert why["tflite-runtime"].endswith("`python -m bench.environments` makes it")


def test_what_another_runtime_refuses_is_told_and_left_out(files: dict[str, Path], tmp_path: Path) -> None:
    environments = environment(tmp_path, REFUSING)
    one = {"model.tflite": files["model.tflite"]}
    found = measure.measure(one, list(one), seconds=0.01, environments=environments)
    why = {one.name: one.reason for one in found.skipped}["model.tflite/tflite_runtime"]
    assert "version 9 of CONV_2D is not known" in why
    assert "\n" not in why
    assert all(variant.kernels != "tflite_runtime" for variant in found.variants)


def test_a_file_that_does_not_load_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"no model")
    with pytest.raises(UserError, match="does not load in ai-edge-litert"):
        measure.measure({"model.tflite": tmp_path / "model.tflite"}, [], seconds=0.01)
    with pytest.raises(UserError, match="cannot be started in a process of its own"):
        start.measure({"model.tflite": tmp_path / "model.tflite"}, seconds=0.0)


def test_a_start_has_its_three_parts(files: dict[str, Path]) -> None:
    found = start.measure({"m": files["model.tflite"]}, seconds=0.0)["m"]
    assert found.processes == 1
    assert all(isinstance(part, Median) and part.value > 0 for part in (found.importing, found.loading, found.first))
