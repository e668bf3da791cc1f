"""The integer simulator against sums written out in Python integers."""

import numpy as np
import pytest

from compress.operations.addition import Addition
from compress.operations.convolution import Convolution
from compress.operations.mean import Mean
from compress.program import Program, Value
from compress.quantization import Quantization
from compress.simulate import quantize_input, simulate

INPUT = Quantization(0.5, 3)


def one_operation(operation: Convolution | Addition | Mean, shape: tuple[int, ...], output: Quantization) -> Program:
    values = {"x": Value("x", (2, 5, 4), INPUT), "y": Value("y", shape, output)}
    return Program("x", "y", values, (operation,))


def round_half_even(number: float) -> int:
    return round(number)  # Python's own rule


@pytest.mark.parametrize(("groups", "relu"), [(1, False), (1, True), (2, False)])
@pytest.mark.parametrize("large_bias", [0, 2**30])  # the second leaves what float32 holds exactly
def test_convolution(groups: int, relu: bool, large_bias: int) -> None:
    random = np.random.default_rng(groups)
    weight = random.integers(-127, 128, (2, 2 // groups, 3, 3)).astype(np.int8)
    bias = np.array([large_bias + 11, -large_bias - 7], np.int32)
    scale = np.array([0.011, 0.013], np.float32)
    output = Quantization(float(np.float32(4.7 if not large_bias else 3e7)), -20)
    convolution = Convolution("x", "y", weight, bias, scale, (2, 1), (1, 1), groups, relu, True)
    inputs = random.integers(-128, 128, (3, 2, 5, 4)).astype(np.int8)
    found = simulate(one_operation(convolution, (2, 3, 4), output), inputs)
    assert found.shape == (3, 3, 4, 2)  # (B, F, T, C): only logits leave a program
    padded = np.zeros((3, 2, 7, 6), object)
    padded[:, :, 1:6, 1:5] = inputs.astype(int) - INPUT.zero_point
    for b, f, t, o in np.ndindex(found.shape):
        window = padded[b, :, 2 * f : 2 * f + 3, t : t + 3]
        window = window if groups == 1 else window[o : o + 1]
        total = int((weight[o].astype(object) * window).sum()) + int(bias[o])
        multiplier = np.float32(INPUT.scale) * scale[o] / np.float32(output.scale)
        expected = round_half_even(float(np.float32(total) * multiplier)) - 20
        expected = max(-20 if relu else -128, min(127, expected))
        assert found[b, f, t, o] == expected


def test_addition_and_mean() -> None:
    values = {name: Value(name, (1, 2, 2), q) for name, q in {"x": INPUT, "y": Quantization(1.5, -10)}.items()}
    values["m"] = Value("m", (1,), Quantization(0.75, 5))
    program = Program("x", "m", values, (Addition(("x", "x"), "y", relu=True), Mean("y", "m")))
    inputs = np.array([[[[3, 9], [-128, 127]]]], np.int8)
    # (x - 3) * 0.5 twice in steps of 1.5: 0, 4, -87.3 -> ReLU 0, 82.7 -> 83; mean 21.75 * 1.5 / 0.75 = 43.5 -> 44
    assert simulate(program, inputs).tolist() == [[44 + 5]]


@pytest.mark.parametrize(("real", "integer"), [(0.0, 3), (0.25, 3), (0.75, 5), (1e9, 127), (-1e9, -128)])
def test_input_is_rounded_half_to_even_and_clamped(real: float, integer: int) -> None:
    program = one_operation(Mean("x", "y"), (2,), INPUT)
    assert quantize_input(program, np.array([real], np.float32)).tolist() == [integer]
