"""Scales that belong together: shared by what only moves integers, bound by additions, widened as a whole."""

from fractions import Fraction

import numpy as np
import pytest

from compress.operations.addition import Addition, smallest_distance
from compress.operations.concatenation import Concatenation
from compress.operations.max_pooling import MaxPooling
from compress.operations.operation import Operation
from compress.operations.scales import Scales, as_fraction, odd_fraction_below
from compress.program import Program, Value
from compress.quantization import Quantization, Range, activation
from compress.scheme import assign
from tinyasc.errors import UserError


def program(*operations: Operation) -> Program:
    """Over values of one shape; the shapes are not looked at."""
    names = dict.fromkeys(name for one in operations for name in (*one.inputs, one.output))
    return Program("x", operations[-1].output, {name: Value(name, (2, 4, 4)) for name in ("x", *names)}, operations)


@pytest.mark.parametrize(
    ("ratio", "most", "expected"),
    [
        (0.5, 9, Fraction(4, 9)),
        (0.34, 9, Fraction(1, 3)),
        (1.0, 9, Fraction(1)),
        (2.6, 5, Fraction(13, 5)),
        (1 / 7, 7, Fraction(1, 7)),
        (0.01, 9, None),
    ],
)
def test_the_largest_odd_fraction_below(ratio: float, most: int, expected: Fraction | None) -> None:
    assert odd_fraction_below(ratio, most) == expected


def test_a_ratio_is_a_fraction_or_none() -> None:
    assert as_fraction(31 / 127, 511) == Fraction(31, 127)
    assert as_fraction(np.pi, 511) is None


def test_what_moves_integers_shares_their_scale_and_the_range_of_all() -> None:
    pooled = program(MaxPooling("a", "b", (2, 2), (2, 2)), Concatenation(("b", "c"), "d", 0))
    ranges = {"x": (0, 1), "a": (-1.0, 0.5), "b": (-0.5, 0.5), "c": (-0.1, 3.0), "d": (-0.5, 3.0)}
    found = assign(pooled, {name: Range(*ends) for name, ends in ranges.items()})
    assert {found[name] for name in "abcd"} == {activation(Range(-1.0, 3.0))}
    assert found["x"] == activation(Range(0, 1))


def test_what_has_a_unit_is_widened_by_it_and_keeps_its_scale() -> None:
    settled = {"a": Quantization(3.0, 5, 0.1), "b": Quantization(1.0, -128, 0.1), "c": Quantization(0.5, 0)}
    scales = Scales({}, {}, settled)
    scales.bind("a", "b")
    scales.widen("a", 0.33)
    assert (settled["a"].scale, settled["a"].zero_point, settled["b"].scale) == (3.0, 5, 1.0)
    assert [settled[name].step for name in "abc"] == pytest.approx([0.33, 0.11, 0.5])
    assert scales.step("b") == pytest.approx(0.11)


def add(first: str, second: str, result: str) -> Addition:
    return Addition((first, second), result, False)


SUMS = {
    "a sum of sums": [add("a", "b", "c"), add("d", "e", "f"), add("c", "f", "g")],
    "a part once more": [add("a", "b", "c"), add("a", "c", "d")],
    "a long stream": [add("a", "b", "c"), add("c", "d", "e"), add("f", "e", "g")],
    "sums joined, whose parts are of one map": [
        add("a", "b", "c"),
        add("a", "d", "e"),
        Concatenation(("c", "e"), "f", 0),
    ],
    "the input": [add("a", "x", "b"), add("x", "b", "c")],
}


@pytest.mark.parametrize("case", list(SUMS))
@pytest.mark.parametrize("seed", range(5))
def test_no_addition_of_bound_values_ties_and_no_range_shrinks(case: str, seed: int) -> None:
    random, sums = np.random.default_rng(seed), program(*SUMS[case])
    ranges = {name: Range(*(random.uniform(0.3, 4, 2) * (-1, 1))) for name in sums.values}
    found = assign(sums, ranges)
    for operation in sums.operations:
        if isinstance(operation, Addition):
            assert smallest_distance(*operation.ratios(found)) > 9e-4
        operation.quantized(found, sums.shapes)  # which refuses what is too near a tie
    for name, seen in ranges.items():
        assert found[name].step >= activation(seen).step * (1 - 1e-6)
    assert found["x"] == activation(ranges["x"])  # whoever feeds the program relies on it


def test_the_input_is_not_widened_for_a_sum_that_is_joined_to_it() -> None:
    joined = program(add("a", "b", "c"), Concatenation(("c", "x"), "d", 0))
    ranges = {name: Range(-1.0, 1.0) for name in joined.values} | {"a": Range(-0.3, 0.4)}
    with pytest.raises(UserError, match="others feed"):
        assign(joined, ranges)
