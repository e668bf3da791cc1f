"""Functions of one number, one a row: all 256 answers, in the simulator, in training and in both runtimes.

Also in a small network, from torch to both files. To test another one, add its row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from compress.lower import lower
from compress.operations import register_all
from compress.operations.elementwise_function import ElementwiseFunction
from compress.operations.flattening import Flattening
from compress.operations.operation import KINDS
from compress.program import Program, Value, load, save
from compress.pruning.dependency import dependencies
from compress.quantization import Range
from compress.quantized_network import QuantizedNetwork
from compress.scheme import assign, quantize
from compress.simulate import logits, observe, simulate
from tests.support.both_files import agreements, varied
from tinyasc.errors import UserError

SHAPE = (1, 16, 16)
register_all()


class MeanOfAll(nn.Module):
    """(B, C, F, T) -> (B, C)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


@dataclass(frozen=True)
class Row:
    """One function."""

    kind: str
    fields: tuple[object, ...]
    """Between the output's name and `units`."""
    function: Callable[[Tensor], Tensor]
    module: Callable[[], nn.Module]


ROWS = [
    Row("activation_function", ("silu",), functional.silu, lambda: nn.SiLU(inplace=True)),
    Row("activation_function", ("sigmoid",), torch.sigmoid, nn.Sigmoid),
    Row("hardswish", (), functional.hardswish, lambda: nn.Hardswish(inplace=True)),
    Row("hardsigmoid", (), functional.hardsigmoid, nn.Hardsigmoid),
    Row("leaky_relu", (0.2,), lambda x: functional.leaky_relu(x, 0.2), lambda: nn.LeakyReLU(0.2, inplace=True)),
    Row("relu6", (), functional.relu6, nn.ReLU6),
]
CASES = pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.kind} {row.fields}")


def program(row: Row) -> Program:
    """y = g(x) of a map of one position, and z the same as a vector, which both formats lay out alike."""
    values = {name: Value(name, shape) for name, shape in {"x": (256, 1, 1), "y": (256, 1, 1), "z": (256,)}.items()}
    operation = KINDS[row.kind]("x", "y", *row.fields, None)  # type: ignore[call-arg]
    return Program("x", "z", values, (operation, Flattening("y", "z")))


@CASES
@pytest.mark.parametrize(
    "ends", [(-1.0, 1.0), (-6.0, 6.0), (-3.0, 9.5), (-9.7, 2.3), (0.0, 7.1), (-31.0, 40.0), (-4.0, 0.0)]
)
def test_all_256_answers_are_equal_everywhere(row: Row, ends: tuple[float, float], tmp_path: Path) -> None:
    real = program(row)
    operation = real.operations[0]
    assert isinstance(operation, ElementwiseFunction)
    outputs = row.function(torch.linspace(*ends, 1000))
    made = Range(outputs.min().item(), outputs.max().item())
    found = assign(real, {"x": Range(*ends), "y": made, "z": made})
    int8 = quantize(real, found)
    inputs = np.arange(-128, 128, dtype=np.int8).reshape(1, 256, 1, 1)
    expected = simulate(int8, inputs).reshape(-1)

    x = (inputs.reshape(-1).astype(np.float64) - found["x"].zero_point) * found["x"].step
    steps = row.function(torch.from_numpy(x)).numpy() / found["y"].step  # torch's own function, in float64
    np.testing.assert_array_equal(expected, np.clip(np.rint(steps) + found["y"].zero_point, -128, 127))

    centred = torch.from_numpy(inputs.astype(np.float32) - found["x"].zero_point).requires_grad_()
    trained = operation.train({}, [centred], found)
    rounded = (trained.detach().round() + found["y"].zero_point).clamp(-128, 127)
    np.testing.assert_array_equal(rounded.numpy().reshape(-1), expected)
    trained.sum().backward()
    again = (centred.detach().double() * found["x"].step).requires_grad_()
    row.function(again).sum().backward()
    assert centred.grad is not None
    assert again.grad is not None
    kink = np.isclose(np.abs(x), [[0], [3], [6]]).any(axis=0)  # where a slope is one of two
    slopes = [(one.reshape(-1).numpy() * by)[~kink] for one, by in ((centred.grad, 1), (again.grad, found["x"].step))]
    np.testing.assert_allclose(slopes[0], slopes[1] / found["y"].step, rtol=1e-4, atol=1e-5)

    for agreement in agreements(int8, inputs, tmp_path):
        assert (agreement.logits, agreement.differing) == (256, 0), agreement


@CASES
def test_a_network_with_it_goes_the_whole_way(row: Row, tmp_path: Path) -> None:
    torch.manual_seed(0)
    convolution, norm = nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8)
    network = nn.Sequential(
        *(convolution, norm, row.module(), nn.Conv2d(8, 8, 3, padding=1, groups=2), row.module(), nn.Conv2d(8, 5, 1)),
        MeanOfAll(),
    )
    random = np.random.default_rng(0)
    clips = (random.normal(0, 2, (16, *SHAPE)) + random.normal(0, 2, (16, 1, 1, 1))).astype(np.float32)
    log_mel = torch.from_numpy(clips)
    with torch.no_grad():
        network.train()(log_mel)
    network.eval()
    real = lower(network, SHAPE)
    assert sum(operation.kind == row.kind for operation in real.operations) == 2
    trained = QuantizedNetwork(real, observe(real, [log_mel]), momentum=0.1)
    trained.train()(log_mel).square().mean().backward()
    assert all(one.grad is not None and one.grad.abs().sum() > 0 for one in trained.parameters())
    torch.optim.SGD(trained.parameters(), lr=1e-3).step()
    int8 = trained.eval().to_program()
    with torch.no_grad():
        np.testing.assert_array_equal(trained(log_mel).numpy(), logits(int8, clips))
    inputs = varied(int8, clips, 60)
    for agreement in agreements(int8, inputs, tmp_path):
        assert agreement.differing == 0, agreement
    save(int8, tmp_path / "x.program")
    assert load(tmp_path / "x.program").operations[1] == int8.operations[1]
    groups = dependencies(network, SHAPE).groups
    assert [(group.name, len(group.units)) for group in groups] == [("0", 4), ("3", 4)]


@pytest.mark.parametrize(
    ("module", "message"), [(nn.GELU(), r"aten\.gelu\.default"), (nn.Hardtanh(), "clamps to -1 and 1")]
)
def test_another_function_is_refused_by_its_name(module: nn.Module, message: str) -> None:
    with pytest.raises(UserError, match=message):
        lower(nn.Sequential(nn.Conv2d(1, 5, 1), module, MeanOfAll()), SHAPE)
