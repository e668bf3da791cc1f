"""16-bit values: the formulas in Python's own integers and NumPy's single float32, and the same in training."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
import torch

from compress.arithmetic.arithmetic import Arithmetic, tensors
from compress.arithmetic.in_numpy import NumpyArithmetic
from compress.arithmetic.in_torch import TorchArithmetic
from compress.operations.addition import Addition
from compress.operations.convolution import Convolution
from compress.operations.mean import Mean
from compress.operations.operation import Operation
from compress.operations.wide import split
from compress.program import Program, Value
from compress.quantization import Quantization
from compress.scheme import quantize
from compress.simulate import simulate
from tinyasc.errors import UserError

C, F, T = 3, 4, 5
NARROW, WIDE = Quantization(0.5, 3), Quantization(2.0**-9, -1234, bits=16)


def random_inputs(found: Quantization, count: int = 6) -> np.ndarray:
    """Integers (count, C, F, T) of full scale, the ends among them."""
    random = np.random.default_rng(0)
    integers = random.integers(found.lowest, found.highest + 1, (count, C, F, T))
    integers[0], integers[1] = found.lowest, found.highest
    return integers.astype(np.int16 if found.wide else np.int8)


def program_of(operation: Operation, shape: tuple[int, ...], given: Quantization, output: Quantization) -> Program:
    values = {"x": Value("x", (C, F, T)), "y": Value("y", shape)}
    return quantize(Program("x", "y", values, (operation,)), {"x": given, "y": output})


def check_training(float_operation: Operation, program: Program, inputs: np.ndarray, expected: np.ndarray) -> None:
    found = program.quantizations
    tensors = {
        name: torch.from_numpy(array.copy())
        for name, array in (float_operation.parameters | float_operation.constants).items()
    }
    centred = torch.from_numpy(inputs.astype(np.float32) - found["x"].zero_point)
    real = float_operation.train(tensors, [centred] * len(float_operation.inputs), found)
    lowest = found["y"].zero_point if float_operation.rectified else found["y"].lowest
    integers = (real + found["y"].zero_point).clamp(lowest, found["y"].highest).numpy()
    np.testing.assert_array_equal(integers.transpose(0, 2, 3, 1) if integers.ndim == 4 else integers, expected)


@pytest.mark.parametrize(("given", "output"), [(NARROW, WIDE), (WIDE, NARROW), (WIDE, WIDE)])
@pytest.mark.parametrize("groups", [1, C])
def test_convolution(given: Quantization, output: Quantization, groups: int) -> None:
    random = np.random.default_rng(1)
    weight = random.normal(0, 0.5, (C, C // groups, 3, 3)).astype(np.float32)
    bias = random.normal(0, 20, C).astype(np.float32)
    relu = output.zero_point == output.lowest
    real = Convolution("x", "y", weight, bias, None, (1, 1), (1, 1), groups, relu, True)
    program = program_of(real, (C, F, T), given, output)
    (operation,) = program.convolutions()
    inputs = random_inputs(given)
    found = simulate(program, inputs)
    padded = np.zeros((len(inputs), C, F + 2, T + 2), object)
    padded[:, :, 1:-1, 1:-1] = inputs.astype(int) - given.zero_point
    part = 256 if given.wide else 1
    assert operation.weight_scale is not None
    for b, f, t, o in np.ndindex(found.shape):
        window = padded[b, :, f : f + 3, t : t + 3] if groups == 1 else padded[b, o : o + 1, f : f + 3, t : t + 3]
        total = int((operation.weight[o].astype(object) * window).sum()) + part * int(operation.bias[o])
        multiplier = np.float32(given.scale) * operation.weight_scale[o] / np.float32(output.scale)
        expected = floor(np.float32(np.float32(total) * multiplier) + np.float32(0.5)) + output.zero_point
        assert found[b, f, t, o] == max(output.lowest, min(output.highest, expected))
    assert len(np.unique(found)) > 50
    check_training(real, program, inputs, found)


@pytest.mark.parametrize("output", [NARROW, Quantization(2.0**-9, 0, bits=16)])
def test_mean(output: Quantization) -> None:
    program, inputs = program_of(Mean("x", "y"), (C,), WIDE, output), random_inputs(WIDE)
    found = simulate(program, inputs)
    for b, c in np.ndindex(found.shape):
        exact = Fraction(int(inputs[b, c].astype(int).sum()) - F * T * WIDE.zero_point, F * T)
        exact *= Fraction(WIDE.scale) / Fraction(output.scale)
        expected = max(output.lowest, min(output.highest, floor(exact + Fraction(1, 2)) + output.zero_point))
        assert abs(found[b, c] - expected) <= int(output.wide)  # 24 bits: the last of 16 may be off near a tie
    check_training(Mean("x", "y"), program, inputs, found)


@pytest.mark.parametrize(("given", "output"), [(NARROW, WIDE), (WIDE, NARROW)])
def test_addition(given: Quantization, output: Quantization) -> None:
    sums = Addition(("x", "x"), "y", relu=False)
    program, inputs = program_of(sums, (C, F, T), given, output), random_inputs(given)
    found = simulate(program, inputs)
    exact = 2.0 * (inputs.astype(int) - given.zero_point) * given.scale / output.scale  # powers of two: no rounding
    expected = np.clip(np.floor(exact + 0.5) + output.zero_point, output.lowest, output.highest)
    np.testing.assert_array_equal(found, expected.transpose(0, 2, 3, 1))
    check_training(sums, program, inputs, found)


def test_every_wide_integer_is_its_two_parts() -> None:
    integers = np.arange(-(2**16) + 1, 2**16, dtype=np.float32)
    executors: list[Arithmetic] = [NumpyArithmetic(), TorchArithmetic(torch.device("cpu"))]
    for do, array in zip(executors, tensors([integers, torch.from_numpy(integers)]), strict=True):
        high, low = (np.asarray(part.key) for part in split(do, array))
        np.testing.assert_array_equal(256 * high + low, integers)
        assert (low.min(), low.max(), high.min(), high.max()) == (0, 255, -256, 255)


def test_a_mean_over_too_many_positions_is_refused() -> None:
    values = {"x": Value("x", (1, 2**9, 2**8)), "y": Value("y", (1,))}
    with pytest.raises(UserError, match="at most 65536"):
        quantize(Program("x", "y", values, (Mean("x", "y"),)), {"x": WIDE, "y": NARROW})
