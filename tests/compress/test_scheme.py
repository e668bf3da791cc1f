"""Ranges to scales: values by hand, and no tie wherever two integers meet."""

import numpy as np
import pytest

from compress.operations import addition as additions
from compress.operations import mean as means
from compress.operations.addition import Addition
from compress.operations.convolution import Convolution
from compress.operations.mean import Mean
from compress.operations.weights import BIAS_LIMIT, weight_scale
from compress.program import Program, Value
from compress.quantization import Quantization, Range, activation
from compress.scheme import Scheme, assign, quantize
from tests.support import tiny_programs
from tinyasc.errors import UserError


@pytest.mark.parametrize(
    ("low", "high", "scale", "zero_point"),
    [
        (0.0, 2.55, 0.01, -128),  # after ReLU: 0.0 is the lowest integer
        (-1.28, 1.27, 0.01, 0),
        (-2.55, 0.0, 0.01, 127),
        (0.5, 2.55, 0.01, -128),  # widened to hold 0.0
        (-1.0, 1.55, 0.01, -28),
    ],
)
def test_a_range_becomes_scale_and_zero_point(low: float, high: float, scale: float, zero_point: int) -> None:
    found = activation(Range(low, high))
    assert found.scale == pytest.approx(scale, rel=1e-6)
    assert found.zero_point == zero_point


@pytest.mark.parametrize(
    ("low", "high", "bits", "scale", "zero_point"),
    [
        (0.0, 2.55, 8, 0.01, -128),  # behind a ReLU 0.0 stays the lowest integer
        (-1.0, 1.27, 8, 0.01, 0),
        (-2.54, 1.27, 8, 0.02, 0),
        (-327.67, 1.0, 16, 0.01, 0),
        (0.0, 655.35, 16, 0.01, -32768),
    ],
)
def test_a_symmetric_range_has_zero_in_its_middle(
    low: float, high: float, bits: int, scale: float, zero_point: int
) -> None:
    found = activation(Range(low, high), symmetric=True, bits=bits)
    assert found.scale == pytest.approx(scale, rel=1e-6)
    assert found.zero_point == zero_point


@pytest.mark.parametrize("normed", [False, True])
def test_a_scheme_is_what_a_program_gets(normed: bool) -> None:
    program = tiny_programs.quantized(normed=normed, scheme=Scheme("per_tensor", "symmetric")).to_program()
    assert {found.zero_point for found in program.quantizations.values()} == {-128, 0}
    for convolution in program.convolutions():
        assert convolution.weight_scale is not None
        assert convolution.weight_scale.shape == (1,)
        assert np.abs(convolution.weight).max() == 127


@pytest.mark.parametrize(
    ("wide", "normed", "message"),
    [
        (["conv2d_99"], False, "no value of the program"),
        (["logits"], False, "int8 in every file"),
        (["conv2d*"], True, "ResponseNorm"),
    ],
)
def test_a_value_that_cannot_be_wide_is_refused(wide: list[str], normed: bool, message: str) -> None:
    program = tiny_programs.float_program(normed=normed)
    with pytest.raises(UserError, match=message):
        assign(program, dict.fromkeys(program.values, Range(-1.0, 1.0)), Scheme(wide=wide))


def test_weight_scale_fits_the_largest_weight_and_the_bias() -> None:
    weight = np.array([[[[1.27]]], [[[-2.54]]], [[[1e-9]]]], np.float32)
    bias = np.array([0.0, 0.0, 5.0], np.float32)
    scale = weight_scale(weight, bias, input_step=0.1)
    np.testing.assert_allclose(scale[:2], [0.01, 0.02], rtol=1e-6)
    assert abs(bias[2] / (0.1 * scale[2])) == pytest.approx(BIAS_LIMIT)


def test_ties_are_measured_over_all_pairs() -> None:
    assert additions.smallest_distance(0.5, 1.0) == 0  # 0.5 * odd is a tie
    assert additions.smallest_distance(1 / 3, 2 / 3) == pytest.approx(1 / 6)
    assert additions.smallest_distance(255.5, 255.5) == 0
    assert additions.smallest_distance(256.5, 256.5) == 0.5  # clamped, but for differences of the two
    assert means.smallest_distance(1 / 2, 3) == 0


@pytest.mark.parametrize("seed", range(3))
def test_no_addition_and_no_mean_of_a_program_can_tie(seed: int) -> None:
    program = tiny_programs.quantized(seed).to_program()
    quantizations = {name: value.quantization for name, value in program.values.items()}
    found: dict[str, Quantization] = {name: value for name, value in quantizations.items() if value is not None}
    sums = [operation for operation in program.operations if isinstance(operation, Addition)]
    assert len(sums) == 4
    for addition in sums:
        assert additions.smallest_distance(*addition.ratios(found)) > 3.5e-3
    (mean,) = (operation for operation in program.operations if isinstance(operation, Mean))
    positions = int(np.prod(program.values[mean.input].shape[1:]))
    assert means.smallest_distance(mean.ratio(found, positions), positions) > 1e-4


def test_a_range_never_shrinks_when_ties_are_removed() -> None:
    network = tiny_programs.quantized()
    program = network.to_program()
    for (low, high), value in zip(network.ranges.tolist(), program.values.values(), strict=True):
        found = value.quantization
        assert found is not None
        assert found.scale * (127 - found.zero_point) >= high - found.scale
        assert found.scale * (-128 - found.zero_point) <= min(low, 0) + found.scale


def test_an_addition_that_could_tie_is_refused() -> None:
    float_program = tiny_programs.float_program()
    halves = {name: Quantization(0.5, -128) for name in float_program.values}
    addition = next(operation for operation in float_program.operations if isinstance(operation, Addition))
    halves[addition.output] = Quantization(1.0, -128)
    with pytest.raises(UserError, match="too near a tie"):
        quantize(float_program, halves)


def test_a_mean_that_could_tie_is_refused() -> None:
    float_program = tiny_programs.float_program()
    good = {name: value.quantization for name, value in tiny_programs.quantized().to_program().values.items()}
    found = {name: value for name, value in good.items() if value is not None}
    mean = float_program.operations[-1]
    positions = np.prod(float_program.values[mean.inputs[0]].shape[1:])
    found[mean.output] = Quantization(float(np.float32(found[mean.inputs[0]].scale * 2 / positions)), 0)
    with pytest.raises(UserError, match="too near a tie"):
        quantize(float_program, found)


def test_an_addition_to_something_far_larger_is_refused_not_narrowed() -> None:
    float_program = tiny_programs.float_program()
    ranges = {name: Range(-1.0, 1.0) for name in float_program.values}
    addition = next(operation for operation in float_program.operations if isinstance(operation, Addition))
    ranges[addition.inputs[0]] = ranges[addition.inputs[1]] = Range(-0.005, 0.005)
    with pytest.raises(UserError, match="times smaller"):
        assign(float_program, ranges)


def test_a_sum_that_float32_cannot_hold_is_refused() -> None:
    wide = Convolution(
        "x", "y", np.ones((1, 600, 1, 1), np.float32), np.zeros(1, np.float32), None, (1, 1), (0, 0), 1, False, True
    )
    shapes = {"x": (600, 1, 1), "y": (1, 1, 1)}
    program = Program("x", "y", {name: Value(name, shape) for name, shape in shapes.items()}, (wide,))
    with pytest.raises(UserError, match="2\\^24"):
        quantize(program, dict.fromkeys(shapes, Quantization(1.0, 0)))


def test_a_pooling_keeps_its_equal_weights() -> None:
    program = tiny_programs.quantized().to_program()
    (pool,) = (c for c in program.operations if isinstance(c, Convolution) and not c.trainable)
    assert (pool.weight == 127).all()
    assert pool.weight_scale == pytest.approx(1 / 9 / 127)
