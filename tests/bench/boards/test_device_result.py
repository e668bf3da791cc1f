"""The form of a target's result, the comparison of outputs, and what becomes of a runner's measurement."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.boards.device import bundle, equality, measured, result, runner
from bench.boards.device.bundle import Settings
from bench.boards.device.equality import Difference
from bench.measure import records
from bench.measure.figure import MEASURED, figures
from deploy import runtime
from tests.support import tiny_models, tiny_results
from tests.support.tiny_results import configuration, estimate, instructions, latency
from tests.support.tiny_results import equality as equality_of
from tinyasc.errors import UserError


def with_value(record: object, field: str, value: float) -> dict[str, Any]:
    """A record as JSON has it, one figure of it changed to a value that it refuses."""
    content = json.loads(records.encode(record))
    content[field]["value"] = value
    return content


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = tiny_results.result("device", latency=[latency(2.5)])
    result.write(tmp_path / "new/target.json", found)
    assert result.read(tmp_path / "new/target.json") == found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 1}, "has format 1, this version reads 2: remove it and measure the target again"),
        ({"kind": "guessed"}, r"Invalid enum value 'guessed' - at `\$\.kind`"),
        ({"target": "../pi"}, r"matching regex .* - at `\$\.target`"),
        ({"latency": [latency(2.5, threads=0)]}, r"Expected `int` >= 1 - at `\$\.latency\[0\]\.threads`"),
        (
            {"latency": [with_value(latency(2.5), "median", 0)]},
            r"median is 0, not above 0 - at `\$\.latency\[0\]`",
        ),
        ({"instructions": [with_value(instructions(500), "total", 0)]}, r"not above 0 - at `\$\.instructions\[0\]`"),
        ({"estimates": [with_value(estimate(5.67), "milliseconds", -1)]}, r"not above 0 - at `\$\.estimates\[0\]`"),
        ({"equality": [with_value(equality_of(), "differing", 1.5)]}, r"is 1.5, no share - at `\$\.equality\[0\]`"),
        ({"latency": [configuration()]}, r"missing required field `\w+` - at `\$\.latency\[0\]`"),
        ({"models": {"model.tflite": "abc"}}, r"matching regex .* - at `\$\.models\[\.\.\.\]`"),
        ({"colour": "red"}, r"unknown field `colour` - at `\$\.colour`"),
    ],
)
def test_what_is_no_result_is_refused_by_name_and_place(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "target.json"
    content = json.loads(records.encode(tiny_results.result("device")))
    path.write_bytes(records.encode(content | change))
    with pytest.raises(UserError, match=rf"target\.json .*{message}"):
        result.read(path)


def test_what_would_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"target\.json is not the result of a target: .*\$\.target"):
        result.write(tmp_path / "target.json", replace(tiny_results.result("device"), target="../pi"))
    assert not (tmp_path / "target.json").exists()


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no file .*absent"):
        result.read(tmp_path / "absent.json")
    for text in ("no json", "[]"):
        (tmp_path / "text.json").write_text(text)
        with pytest.raises(UserError, match=r"text\.json is"):
            result.read(tmp_path / "text.json")


def test_paths_tell_kernels_and_threads_apart() -> None:
    entries = [configuration(), configuration(file="other.tflite")]
    for of, path in [
        (configuration(), "target/pi4/tflite/int8"),
        (configuration(threads=4), "target/pi4/tflite/int8/threads_4"),
        (configuration(kernels="built-in kernels"), "target/pi4/tflite/int8/built_in"),
        (configuration(kernels="built-in kernels", threads=4), "target/pi4/tflite/int8/built_in/threads_4"),
        (configuration(file="other.tflite"), "target/pi4/tflite/other"),
        (configuration(file="new.tflite", threads=4), "target/pi4/tflite/new"),  # the first of its file
    ]:
        assert result.place("pi4", of, entries) == path


@pytest.mark.parametrize(
    ("reference", "found", "difference"),
    [
        ([[1, 2], [3, -4]], [[1, 2], [3, -4]], Difference(2, 0.0, 0.0, 2)),
        ([[1, 2], [3, -4]], [[1, 3], [3, -4]], Difference(2, 0.25, 1.0, 2)),
        ([[127, 2], [3, -4]], [[-128, 2], [3, -4]], Difference(2, 0.25, 255.0, 1)),  # int8 must not wrap around
    ],
)
def test_integer_outputs_differ_by_steps(reference: list, found: list, difference: Difference) -> None:
    assert equality.difference(np.array(reference, np.int8), np.array(found, np.int8)) == difference


def test_float_outputs_differ_by_a_share_of_the_largest() -> None:
    reference = np.array([[1.0, -8.0]], np.float32)
    difference = equality.difference(reference, reference + np.array([[0.0, 0.5]], np.float32))
    assert difference == Difference(1, 0.5, 0.0625, 1)
    broken = equality.difference(reference, np.array([[1.0, np.nan]], np.float32))
    assert not broken.agreed(1e6)
    with pytest.raises(ValueError, match="outputs of"):
        equality.difference(reference, reference.astype(np.float64))


@pytest.mark.parametrize(
    ("kernels", "dtype", "integer", "largest", "agreed"),
    [
        ("XNNPACK", np.int8, True, 1, True),
        ("XNNPACK", np.int8, True, 2, False),
        ("built-in kernels", np.int8, True, 1, False),
        ("MLAS", np.uint8, True, 1, False),
        ("MLAS", np.uint8, True, 0, True),
        ("XNNPACK", np.float32, False, 9e-4, True),
        ("XNNPACK", np.float32, False, 2e-3, False),
        ("XNNPACK", np.float32, True, 2e-2, True),  # a drop-in: a step of the network inside moves its scores
    ],
)
def test_how_far_machines_may_differ_depends_on_the_kernels(
    kernels: str, dtype: type, integer: bool, largest: float, agreed: bool
) -> None:
    allowed = equality.allowed(kernels, np.dtype(dtype), integer)
    assert Difference(4, 0.5, largest, 4).agreed(allowed) is agreed
    assert not Difference(4, 0.5, largest, 3).agreed(allowed)  # another answer is never the same


@pytest.fixture
def work(tmp_path: Path) -> tuple[bundle.Bundle, Path]:
    """A bundle, and what the runner made of it."""
    path = tmp_path / "model.tflite"
    tiny_models.write_tflite(path, True, tiny_models.random_weights())
    log_mel = np.random.default_rng(0).standard_normal((5, tiny_models.F, tiny_models.T))
    inputs = {path.name: runtime.load(path).quantize(log_mel)}
    made = bundle.write(tmp_path / "bundle", {path.name: path}, inputs, Settings(threads=(1,), warm_up=1))
    runner.measure(made.folder, tmp_path / "out")
    return made, tmp_path / "out"


def test_a_measurement_becomes_a_result_with_what_a_reader_must_know(work: tuple[bundle.Bundle, Path]) -> None:
    made, out = work
    content = json.loads((out / "measured.json").read_text())
    times = np.array(content["models"][0]["milliseconds"])
    idle = {"governor": "performance", "frequency_hz": 1.4e9, "temperature_c": 50.0, "load": 0.1, "throttled": None}
    hot = {"bits": "0x60002", "now": ["frequency capped"], "since_boot": ["frequency capped", "throttled"]}
    content["machine"]["core_kinds"] = [{"implementer": "0x41", "part": "0xd03"}]
    content["before"] = {**idle, "governor": "ondemand", "load": 2.0}
    content["after"] = {**idle, "throttled": hot}
    content["ended"] = 900.0  # of its own clock
    content["skipped"] = [{"file": "model.onnx", "reason": "No module named 'onnxruntime'"}]
    (out / "measured.json").write_text(json.dumps(content))
    outputs = np.load(out / content["models"][0]["outputs"])
    outputs[0] += 2 - 4 * (outputs[0] > 0)  # two steps off, one more than XNNPACK is allowed
    np.save(out / content["models"][0]["outputs"], outputs)
    integer = {"model.tflite": True}
    found = measured.target_result(
        out, made, "pi3", integer, clock_offset_seconds=86_400.0, warnings=["A word before."]
    )
    assert found.made == "1970-01-02T00:15:00+00:00"  # when it was measured, by this machine's clock
    (timed,), (compared,) = found.latency, found.equality
    assert (timed.median.value, timed.p99.value) == (np.median(times), np.quantile(times, 0.99))
    low, high = timed.median.interval or (0.0, 0.0)
    assert times.min() <= low <= (timed.median.value or 0.0) <= high <= times.max()
    assert (compared.largest_difference, compared.agreed) == (2.0, False)
    place = "target/pi3/tflite/int8"
    assert {f"{place}/{name}" for name in ("median", "p95", "p99", "load", "first", "differing", "same_top1")} == set(
        figures(found)
    )
    assert f"{compared.file}, {compared.runtime}, XNNPACK, threads: 1, " in timed.median.source
    assert (timed.median.provenance, compared.same_share.value) == (MEASURED, compared.same_top1 / 5)
    assert found.board.processor == "cortex-a53"
    said = " ".join(found.warnings)
    for word in (
        "A word before.",
        "model.onnx was not run: No module named",
        "governor is ondemand",
        "load of 2.00",
        "After the measurement the firmware reports: frequency capped.",
        "During the measurement the firmware reported: frequency capped, throttled.",
        "answers otherwise than on this machine",
        "No estimate is refitted by these times: its ",
    ):
        assert word in said, word


@pytest.mark.parametrize(("blocks", "least"), [(10, 0.86), (20, 0.90)])
def test_the_interval_holds_the_true_median_about_as_often_as_it_says(blocks: int, least: float) -> None:
    random = np.random.default_rng(0)
    hits, tries = 0, 200
    for _ in range(tries):
        times = random.standard_normal((blocks, 1)) + random.standard_normal((blocks, 10))  # each block its moment
        low, high = measured.median_interval(times)
        hits += low <= 0 <= high
    assert least <= hits / tries <= 0.99


def test_few_blocks_are_spread_and_one_is_refused() -> None:
    two = np.array([[1.0, 1.0], [3.0, 3.0]])
    low, high = measured.median_interval(two)
    assert (low, high) == (pytest.approx(2 - np.sqrt(2)), pytest.approx(2 + np.sqrt(2)))
    with pytest.raises(UserError, match="200 runs are one block of 200"):
        Settings(block=200)


def test_a_measurement_of_another_format_is_refused(work: tuple[bundle.Bundle, Path]) -> None:
    made, out = work
    for text, message in (("{", "sent no measurement"), ('{"format": 9}', "of format 9, this version reads 1")):
        (out / "measured.json").write_text(text)
        with pytest.raises(UserError, match=message):
            measured.target_result(out, made, "pi3", {"model.tflite": True})


def test_a_time_that_cannot_be_is_refused_by_its_place(work: tuple[bundle.Bundle, Path]) -> None:
    made, out = work
    content = json.loads((out / "measured.json").read_text())
    content["models"][0]["milliseconds"][3] = 0
    (out / "measured.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"Expected `float` > 0.0 - at `\$.models\[0\].milliseconds\[3\]`"):
        measured.target_result(out, made, "pi3", {"model.tflite": True})
