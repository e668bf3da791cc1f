"""SiLU and the sigmoid of an int8 value: no tie is near, whatever the range, and an addition may follow."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from compress.operations.activation_function import ActivationFunction
from compress.operations.addition import Addition
from compress.operations.convolution import Convolution
from compress.program import Program, Value
from compress.quantization import Range
from compress.scheme import assign
from tinyasc.errors import UserError

SHAPE = (3, 4, 5)


def program(function: str) -> Program:
    """a, b = g(a), and b plus another value."""
    kernel, bias = np.eye(SHAPE[0], dtype=np.float32)[:, :, None, None], np.zeros(SHAPE[0], np.float32)
    first, second = (Convolution("x", name, kernel, bias, None, (1, 1), (0, 0), 1, False, True) for name in "ad")
    activation = ActivationFunction("a", "b", function, None)  # type: ignore[arg-type]
    values = {name: Value(name, SHAPE) for name in "xabcd"}
    return Program("x", "c", values, (first, activation, second, Addition(("b", "d"), "c", False)))


@pytest.mark.parametrize("function", ["silu", "sigmoid"])
@pytest.mark.parametrize("seed", range(20))
def test_no_output_is_near_a_tie(function: str, seed: int) -> None:
    low, high = np.random.default_rng(seed).uniform([-9, 0.1], [-0.1, 9])
    ranges = dict.fromkeys("xad", Range(low, high)) | {"b": Range(-0.3, high), "c": Range(low, 2 * high)}
    real = program(function)
    found = assign(real, ranges)
    if seed % 2:  # units of their own, as a norm beside them may want
        found["a"], found["b"] = (replace(found[name], scale=1.0, unit=found[name].step) for name in "ab")
    assert found["b"].step < 1.2 * (high + 0.3) / 255  # hardly widened: by the addition behind it, and its own ties
    activation = real.operations[1].quantized(found, {})
    x = np.arange(-128, 128, dtype=np.int8).reshape(1, 16, 16, 1)
    steps = activation.simulate([x], found).ravel().astype(float)
    exact = (x.ravel().astype(np.longdouble) - found["a"].zero_point) * found["a"].step
    exact = 1 / (1 + np.exp(-exact)) * (exact if function == "silu" else 1) / found["b"].step
    assert (np.abs(exact - np.floor(exact) - 0.5) > 2.0**-19).all()
    assert (np.rint(steps) == np.rint(exact.astype(float))).all()
    centred = torch.from_numpy(x.astype(np.float32) - found["a"].zero_point).requires_grad_()
    trained = real.operations[1].train({}, [centred], found)
    assert (trained.detach().round().numpy().ravel() == np.rint(steps)).all()
    trained.sum().backward()
    again = (centred.detach() * found["a"].step).requires_grad_()
    expected = torch.nn.functional.silu(again) if function == "silu" else again.sigmoid()
    expected.sum().backward()
    assert again.grad is not None
    torch.testing.assert_close(centred.grad, again.grad * found["a"].step / found["b"].step, rtol=1e-4, atol=1e-6)


def test_a_scale_with_a_tie_is_refused() -> None:
    ranges = dict.fromkeys("xabcd", Range(-1.0, 3.0))
    found = assign(program("sigmoid"), ranges)
    found["b"] = type(found["b"])(1.0, 0)  # sigmoid(0) is a half
    with pytest.raises(UserError, match="near a tie"):
        program("sigmoid").operations[1].quantized(found, {})


def test_two_that_are_added_are_both_clear_of_ties() -> None:
    silus = [ActivationFunction(given, made, "silu", None) for given, made in ("ab", "cd")]
    values = {name: Value(name, SHAPE) for name in "xabcde"}
    real = Program("x", "e", values, (*silus, Addition(("b", "d"), "e", False)))
    random = np.random.default_rng(462)  # of 600 seeds the one with which widening the second spoils the first
    ranges = {name: Range(*(random.uniform(0.3, 9, 2) * (-1, 1))) for name in "xace"}
    ranges |= {name: Range(-0.28, random.uniform(1, 9)) for name in "bd"}
    found = assign(real, ranges)
    for operation in real.operations:
        operation.quantized(found, real.shapes)  # which refuses what is too near a tie
