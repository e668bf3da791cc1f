"""Limits at their edges, which count decides, and where it comes from."""

from dataclasses import replace

import pytest

from bench.figure import MEASURED, QUOTED
from bench.graph.cost import GraphCost, Layer
from bench.verdict import checks as verdict
from tinyasc.artifact import ModelCard


def cost(macs: int, weights: int, biases: int, weight_size: int = 1) -> GraphCost:
    size = {"weight_bytes": weights * weight_size, "bias_bytes": 4 * biases, "structure_bytes": 0}
    layer = Layer("CONV_2D", "x", (1, 1), "INT8", macs, weights, biases, **size, live_bytes=0)
    return GraphCost((layer,), file_bytes=0)


def card(**lineage_cost: int) -> ModelCard:
    parents = [{"stage": "student", "cost": lineage_cost}, {"stage": "qat", "cost": {}}]
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
    years = verdict.passed_years(verdict.checks(found, verdict.network_of(card(), found)))
    assert {year for year, passed in years.items() if not passed} == failing


def test_both_counts_are_shown_and_the_network_decides() -> None:
    found = cost(31_000_000, 120_000, 4_000)
    network = verdict.network_of(card(deployed_parameters=123_000, deployed_macs=29_000_000), found)
    assert (network.how, network.source) == (QUOTED, "model card of the student run")
    checks = [check for check in verdict.checks(found, network) if check.year == 2024]
    assert [(check.unit, check.value, check.how, check.decides, check.passed) for check in checks] == [
        ("MACs", 29_000_000, QUOTED, True, True),
        ("MACs", 31_000_000, MEASURED, False, False),
        ("bytes", 123_000, QUOTED, True, True),
        ("bytes", 136_000, MEASURED, False, False),
    ]
    assert all(verdict.passed_years(checks).values())
    assert checks[0].to_dict()["share"] == 29 / 30
    heavier = replace(network, macs=30_000_001)
    assert not any(verdict.passed_years(verdict.checks(found, heavier)).values())


def test_only_the_weights_that_are_wide_are_counted_as_such() -> None:
    gain = cost(0, 48, 0, weight_size=4).layers[0]
    found = GraphCost((cost(1, 50_000, 100).layers[0], gain), file_bytes=0)
    wide = [check for check in verdict.checks(found, verdict.network_of(card(), found)) if check.unit == "weights"]
    assert [(check.year, check.value, check.passed) for check in wide] == [(2022, 48, False)]
