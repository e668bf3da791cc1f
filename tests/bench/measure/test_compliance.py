"""Limits at their edges, which count decides and where it comes from, what is over, and files without a card."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.measure.compliance import checks as verdict
from bench.measure.compliance import findings
from bench.measure.compliance.checks import Window, window
from bench.measure.compliance.findings import MEASURES, fits, hotspots, violations
from bench.measure.figure import ESTIMATED, MEASURED, QUOTED, figures, path_of
from bench.measure.graph.cost import GraphCost, Layer
from bench.measure.records import decode, encode
from tests.support import tiny_models
from tinyasc.artifact import ModelCard
from tinyasc.mel import MelConfig

KWS = Path(__file__).parents[4] / "shared/data/models/kws_ref_model.tflite"
SECOND = Window(1.0)
# as tinyasc.models has them, which these tests go without
BASELINE_2024 = MelConfig(f_max=16_000.0, pre_emphasis=0.0, shift=0.0, scale=1.0, bank="htk", window="periodic")
CP_RESNET_2022 = MelConfig(n_fft=2048, win_length=2048, hop_length=744, f_max=16_000.0)


def cost(macs: int, weights: int, biases: int, weight_size: int = 1) -> GraphCost:
    size: dict[str, Any] = {"weight_bytes": weights * weight_size, "bias_bytes": 4 * biases, "structure_bytes": 0}
    layer = Layer("CONV_2D", "x", (1, 1), "INT8", macs, weights, biases, **size, live_bytes=0)
    return GraphCost((layer,), file_bytes=0)


def card(**lineage_cost: int) -> ModelCard:
    parents: Any = [{"stage": "student", "cost": lineage_cost}, {"stage": "qat", "cost": {}}]
    return ModelCard("export", "cp_mobile", {}, {}, [], {}, {}, {}, seed=0, lineage=parents)


@pytest.mark.parametrize(
    ("found", "failing"),
    [
        (cost(30_000_000, 128_000, 0), set()),
        (cost(30_000_001, 128_000, 0), {2022, 2023, 2024, 2025}),
        (cost(1, 128_001, 0), {2022, 2023, 2024, 2025}),
        (cost(1, 120_000, 4_000), set()),  # 124,000 parameters; the 136,000 bytes as stored do not decide
        (cost(1, 64_000, 0, weight_size=2), {2022}),  # 16-bit weights fit the memory, 2022 wants INT8
        (cost(1, 64_001, 0, weight_size=2), {2022, 2023, 2024, 2025}),
    ],
)
def test_years_at_the_edge(found: GraphCost, failing: set[int]) -> None:
    years = verdict.passed_years(verdict.checks(found, verdict.network_of(found, card(), SECOND)))
    assert {year for year, passed in years.items() if not passed} == failing


def test_both_counts_are_shown_and_the_network_decides() -> None:
    found = cost(31_000_000, 120_000, 4_000)
    counted = card(deployed_parameters=123_000, deployed_macs=29_000_000)
    network = verdict.network_of(found, counted, SECOND)
    assert (network.parameters.provenance, network.parameters.source) == (QUOTED, "model card of the student run")
    checks = [check for check in verdict.checks(found, network) if check.year == 2024]
    assert [(check.unit, check.value, check.provenance, check.decides, check.passed) for check in checks] == [
        ("MACs", 29_000_000, QUOTED, True, True),
        ("MACs", 31_000_000, MEASURED, False, False),
        ("bytes", 123_000, QUOTED, True, True),
        ("bytes", 136_000, MEASURED, False, False),
    ]
    assert all(verdict.passed_years(checks).values())
    assert checks[0].share == 29 / 30
    heavier = replace(network, macs=replace(network.macs, value=30_000_001))
    assert not any(verdict.passed_years(verdict.checks(found, heavier)).values())


def test_only_the_weights_that_are_wide_are_counted_as_such() -> None:
    gain = cost(0, 48, 0, weight_size=4).layers[0]
    found = GraphCost((cost(1, 50_000, 100).layers[0], gain), file_bytes=0)
    wide = [
        check for check in verdict.checks(found, verdict.network_of(found, card(), SECOND)) if check.unit == "weights"
    ]
    assert [(check.year, check.value, check.passed) for check in wide] == [(2022, 48, False)]


@pytest.mark.parametrize(
    ("heard", "macs", "how", "counting"),
    [
        (Window(1.0), 16_000_000, MEASURED, "network as the file shows it, since no model card counts it"),
        (Window(0.5), 32_000_000, MEASURED, ", one inference of 0.5 s scaled to one second"),
        (Window(10.0), 1_600_000, MEASURED, ", one inference of 10 s scaled to one second"),
        (Window(None), 16_000_000, ESTIMATED, ", one inference taken as one second of sound"),
    ],
)
def test_macs_are_those_of_one_second(heard: Window, macs: int, how: str, counting: str) -> None:
    found = cost(16_000_000, 1, 0)
    for check in verdict.checks(found, verdict.network_of(found, None, heard)):
        if check.unit == "MACs":  # the network's and the file's
            assert (check.value, check.provenance, check.passed) == (macs, how, macs < 30_000_000)
            assert check.counting.endswith(counting) or not check.decides
            assert check.counting.endswith(heard.words)


@pytest.mark.parametrize(
    ("shape", "mel", "sample_rate", "seconds"),
    [
        ((1, 256, 64, 1), MelConfig(), None, 1.0),
        ((1, 1, 256, 65), BASELINE_2024, None, 1.0),  # 65 x 500 samples, but a second gives 65 frames
        ((1, 256, 64), BASELINE_2024, None, 64 * 500 / 32_000),
        ((1, 256, 44, 1), CP_RESNET_2022, None, 1.0),  # and 44 x 744
        ((1, 256, 43, 1), CP_RESNET_2022, None, 43 * 744 / 32_000),
        ((1, 256, 640, 1), MelConfig(), None, 10.0),
        ((1, 256, 32, 1), MelConfig(), None, 0.5),
        ((1, 128, 64, 1), MelConfig(), None, None),  # another front-end than is said
        ((1, 1, 44_100), None, 44_100, 1.0),
        ((1, 8_000), None, 16_000, 0.5),
        ((1, 8_000), None, None, None),
        ((1, 49, 10, 1), None, 16_000, None),  # a spectrogram of an unknown front-end
    ],
)
def test_seconds_of_an_input(shape: Any, mel: Any, sample_rate: Any, seconds: float | None) -> None:
    assert window(shape, mel, sample_rate).seconds == seconds


def layer(name: str, macs: int, weights: int, live_bytes: int, weight_size: int = 1) -> Layer:
    size: dict[str, Any] = {"weight_bytes": weights * weight_size, "bias_bytes": 40, "structure_bytes": 0}
    return Layer("CONV_2D", name, (1,), "INT8", macs, weights, 10, **size, live_bytes=live_bytes)


HEAVY = GraphCost(
    (
        layer("stem;joined;names", 3_000_000, 1_000, 4_000),
        layer("expand", 18_000_000, 90_000, 8_000),
        layer("project", 9_600_000, 60_000, 2_000, weight_size=2),
        *(layer(f"small{i}", 150_000, 10, 10) for i in range(4)),
    ),
    file_bytes=0,
)
"""31.2 M MACs, 151,040 weights and 70 biases, 211,320 bytes."""


@pytest.mark.parametrize(
    ("rule", "first", "whole"),
    [
        ("MACs", [("expand", 18_000_000), ("project", 9_600_000), ("stem", 3_000_000)], 31_200_000),
        ("parameters", [("expand", 90_010), ("project", 60_010), ("stem", 1_010)], 151_110),
        ("parameter memory", [("project", 120_040), ("expand", 90_040), ("stem", 1_040)], 211_320),
        ("weights wider than INT8", [("project", 60_000)], 60_000),
        ("peak activations", [("expand", 8_000), ("stem", 4_000), ("project", 2_000)], 8_000),
    ],
)
def test_the_hotspots(rule: str, first: list[tuple[str, int]], whole: int) -> None:
    found = hotspots(HEAVY, rule)
    assert [(one.name, one.value) for one in found[:3]] == first
    assert [one.share for one in found[:3]] == [value / whole for _, value in first]
    assert len(found) == (1 if rule.startswith("weights") else 5)
    assert all(HEAVY.layers[one.place].name.startswith(one.name) for one in found)


def test_what_is_over_and_by_how_much() -> None:
    found = verdict.checks(HEAVY, verdict.network_of(HEAVY, None, SECOND))
    broken = {one.rule: one for one in violations(found, {rule: hotspots(HEAVY, rule) for rule in MEASURES})}
    assert broken["MACs"].text == "MACs over by 1,200,000 (4.0 %); CONV_2D expand takes 58 % of those in the file"
    assert (broken["MACs"].years, broken["MACs"].over) == ([2022, 2023, 2024, 2025], 1_200_000)
    assert broken["MACs"].share == 31.2 / 30
    assert broken["parameters"].years == broken["weights wider than INT8"].years == [2022]
    memory = broken["parameter memory"]  # (151,040 + 70) x 211,040 / 151,040
    assert (memory.years, memory.over) == ([2023, 2024, 2025], 83_138)
    assert memory.text.startswith("parameter memory over by 83,138 bytes (65.0 %); CONV_2D project takes 57 %")
    wide = broken["weights wider than INT8"]
    assert (wide.share, wide.text) == (
        None,
        "60,000 weights wider than INT8; CONV_2D project takes 100 % of those in the file",
    )


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        ("1111", "fits the DCASE Task 1 limits of every year from 2022 to 2025"),
        ("0111", "fits the DCASE Task 1 limits of 2023, 2024 and 2025 but breaks those of 2022"),
        ("0000", "breaks the DCASE Task 1 limits of every year from 2022 to 2025"),
    ],
)
def test_years_in_words(passed: str, text: str) -> None:
    assert fits({2022 + place: one == "1" for place, one in enumerate(passed)}) == text


def test_what_is_not_counted_makes_macs_a_lower_bound() -> None:
    counted = cost(20_000_000, 1_000, 0)
    loop = replace(counted.layers[0], operation="Loop", macs=0, counted=False)
    found = GraphCost((*counted.layers, loop, loop), file_bytes=0)
    network = verdict.network_of(found, None, SECOND)
    assert network.uncounted == "Loop (2 times)"
    assert (network.macs.provenance, network.parameters.provenance) == (ESTIMATED, MEASURED)
    checks = [check for check in verdict.checks(found, network) if check.rule == "MACs"]
    assert {check.provenance for check in checks} == {ESTIMATED}
    assert all(check.counting.endswith(", a lower bound: not counted: Loop (2 times)") for check in checks)
    text = fits(verdict.passed_years(verdict.checks(found, network)), network.uncounted)
    assert text.endswith("to 2025 as far as it was counted: its MACs are a lower bound without Loop (2 times)")
    assert fits({2024: False}, network.uncounted) == fits({2024: False})  # broken is broken


def test_a_float_onnx_without_a_card_and_a_front_end_beside(tmp_path: Path) -> None:
    weights = tiny_models.random_weights()
    tiny_models.write_onnx(tmp_path / "float.onnx", False, weights)
    tiny_models.write_tflite(tmp_path / "model.tflite", True, weights)
    drop_ins = {tmp_path / "model.tflite": tmp_path / "float.onnx"}  # any two files
    found = findings.judge(tmp_path / "float.onnx", None, Window(None), drop_ins)
    network = found.network
    assert (network.parameters.value, network.macs_per_inference) == (144, 144)  # 48 x 3
    assert (network.parameters.provenance, network.parameters.source) == (MEASURED, "counted in the graph of the file")
    assert (network.window.seconds, network.macs.value, network.uncounted) == (None, 144, "")
    assert {year: one.passed for year, one in found.years.items()} == {
        2022: False,  # float weights
        2023: True,
        2024: True,
        2025: True,
    }
    assert found.years[2025].limits.each_device
    assert [one.rule for one in found.violations] == ["weights wider than INT8"]
    assert found.nearest.rule == "weights wider than INT8"
    made = figures(found)
    assert (made["cost/network/macs"].value, made["cost/network/macs"].provenance) == (144, ESTIMATED)
    assert made["cost/onnx/float/constant_bytes"].value == 4 * 144 + 16
    above = found.front_ends["model.tflite"]
    assert (above.network, above.macs.value) == ("float.onnx", 1092 - 144)  # as test_bench_graph counts them
    assert made["cost/tflite/int8/front_end/macs"].value == 1092 - 144
    assert decode(encode(found), findings.Compliance) == found


@pytest.mark.skipif(not KWS.is_file(), reason=f"needs {KWS.name}, the keyword spotter of MLPerf Tiny")
def test_a_foreign_int8_file() -> None:
    found = findings.judge(KWS, None, window((1, 49, 10, 1), None, 16_000), {})
    made = figures(found)
    place = f"cost/{path_of(KWS.name)}"
    assert made[f"{place}/macs"].value == 2_664_768  # NeSsi's own figures of this file
    assert made[f"{place}/constant_bytes"].value == 24_376
    assert all(year.passed for year in found.years.values())
    assert found.hotspots["MACs"][0].operation == "CONV_2D"
