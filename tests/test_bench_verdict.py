"""Limits at their edges, and which count stands against which limit."""

import pytest

from bench import verdict
from bench.graph_cost import GraphCost, Layer


def cost(macs: int, weights: int, biases: int, weight_size: int = 1) -> GraphCost:
    size = {"weight_bytes": weights * weight_size, "bias_bytes": 4 * biases, "structure_bytes": 0}
    layer = Layer("CONV_2D", "x", (1, 1), "INT8", macs, weights, biases, **size, live_bytes=0)
    return GraphCost((layer,), file_bytes=0)


@pytest.mark.parametrize(
    ("found", "failing"),
    [
        (cost(30_000_000, 128_000, 0), set()),
        (cost(30_000_001, 128_000, 0), {2022, 2023, 2024, 2025}),
        (cost(1, 128_001, 0), {2022, 2023, 2024, 2025}),
        (cost(1, 120_000, 4_000), {2023, 2024, 2025}),  # 124,000 parameters, but 136,000 bytes as stored
        (cost(1, 64_000, 0, weight_size=2), {2022}),  # 16-bit weights fit the memory, 2022 wants INT8
        (cost(1, 64_001, 0, weight_size=2), {2022, 2023, 2024, 2025}),
    ],
)
def test_years_at_the_edge(found: GraphCost, failing: set[int]) -> None:
    years = verdict.passed_years(verdict.checks(found))
    assert {year for year, passed in years.items() if not passed} == failing


def test_both_counts_of_memory_are_shown() -> None:
    memory = [check for check in verdict.checks(cost(1, 1000, 10)) if check.year == 2024 and check.unit == "bytes"]
    assert {check.counting: check.value for check in memory} == {verdict.AS_STORED: 1040, verdict.ONE_PRECISION: 1010}
    assert memory[0].to_dict()["share"] == 1040 / 128_000
