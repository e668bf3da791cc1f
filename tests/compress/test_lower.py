"""The float program is the network: same logits, and what it cannot say is refused."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.fx import Node

from compress import program as programs
from compress.lower import lower
from compress.lowering.graph import Lowering, lowers
from compress.operations import register_all
from compress.operations.addition import Addition
from compress.operations.channel_shuffle import ChannelShuffle
from compress.operations.convolution import Convolution
from compress.operations.operation import KINDS, Operation
from compress.operations.response_norm import ResponseNorm
from compress.simulate import run_float
from tests.support import tiny_architectures, tiny_programs
from tinyasc import models
from tinyasc.errors import UserError
from tinyasc.models.layers.frequency_damping import damp


@pytest.mark.parametrize("normed", [False, True])
def test_lowered_network_gives_the_same_logits(normed: bool) -> None:
    network, log_mel = tiny_programs.network(normed=normed), torch.from_numpy(tiny_programs.log_mel(8))
    program = tiny_programs.float_program(normed=normed)
    with torch.no_grad():
        expected = network(log_mel)
    torch.testing.assert_close(run_float(program, log_mel)[program.output], expected, rtol=0, atol=2e-5)
    assert expected.std() > 0.1  # the logits vary, so that equality means something


def test_frequency_damping_is_in_the_weights() -> None:
    network, log_mel = copy.deepcopy(tiny_programs.network()), torch.from_numpy(tiny_programs.log_mel(4))
    _, channels, bands, frames = log_mel.shape
    plain = lower(network, (channels, bands, frames))
    damp(network, 0.01)
    damped = lower(network, (channels, bands, frames))
    with torch.no_grad():
        torch.testing.assert_close(run_float(damped, log_mel)[damped.output], network(log_mel), rtol=0, atol=2e-5)
    assert damped.parameter_count == plain.parameter_count
    assert not torch.allclose(run_float(plain, log_mel)[plain.output], run_float(damped, log_mel)[damped.output])


@pytest.mark.parametrize(
    ("config", "count"),
    [  # parameters with batch norm folded
        ({"base_channels": 16, "channels_multiplier": 1.5, "expansion_rate": 1.7}, 12_310),
        ({"base_channels": 32, "channels_multiplier": 1.7, "expansion_rate": 1.9}, 54_182),
        ({}, 124_862),
    ],
)
def test_folded_parameters_are_the_published_ones(config: dict[str, object], count: int) -> None:
    assert lower(models.build("cp_mobile", config, 10), (1, 64, 32)).parameter_count == count


def test_a_residual_addition_is_part_of_its_norm() -> None:
    operations = tiny_programs.float_program(normed=True).operations
    norms = [operation for operation in operations if isinstance(operation, ResponseNorm)]
    assert [len(norm.inputs) for norm in norms] == [2, 2, 2, 1, 2, 1]
    assert all(norm.relu for norm in norms)
    assert not any(isinstance(operation, Addition) for operation in operations)


def test_values_know_the_module_that_makes_them() -> None:
    program = tiny_programs.float_program(normed=True)
    modules = dict(tiny_programs.network(normed=True).named_modules())
    layers = [program.values[operation.output].layer for operation in program.operations]
    assert layers[:2] == ["stem.0.0", "stem.1.0"]
    assert layers[-1] == ""  # the mean is the network's own
    assert set(layers) <= set(modules)
    assert len(set(layers)) == len(layers)


def test_a_channel_shuffle_behind_a_convolution_is_in_its_weights() -> None:
    operations = tiny_architectures.float_program("tf_sepnet").operations
    # nine blocks, of which the first of each of the four stages begins with a convolution
    assert sum(isinstance(operation, ChannelShuffle) for operation in operations) == 5


class Unfoldable(nn.Module):
    """What a program cannot say, one kind at a time."""

    def __init__(self, kind: str):
        super().__init__()
        self.kind, self.linear = kind, nn.Linear(8, 8)
        self.convolution, self.norm = nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.convolution(x)
        if self.kind == "norm behind ReLU":
            y = self.norm(y.relu())
        elif self.kind == "two shapes":
            y = y.mean(2, keepdim=True) + y.mean(3, keepdim=True)
        elif self.kind == "reshaped":
            y = y.reshape(1, 4, 4, 8)
        elif self.kind == "padded pooling":
            y = nn.functional.max_pool2d(y, 3, padding=1)
        elif self.kind == "joined bands":
            y = torch.cat((y, y), 2)
        elif self.kind == "linear of a map":
            y = self.linear(y)
        elif self.kind == "a map":
            return y
        elif self.kind == "unknown":
            y = y.erf()
        return y.mean((2, 3))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("norm behind ReLU", "behind a ReLU"),
        ("two shapes", "a row to a map"),
        ("reshaped", "channel shuffle alone"),
        ("padded pooling", "fills a window"),
        ("joined bands", "along channels"),
        ("linear of a map", "those of vectors"),
        ("a map", "one number a class"),
        ("unknown", "erf"),
    ],
)
def test_what_a_program_cannot_say_is_refused(kind: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        lower(Unfoldable(kind), (1, 8, 8))


def test_a_program_survives_its_file(tmp_path: Path) -> None:
    originals = [tiny_programs.float_program(normed=normed) for normed in (False, True)]
    originals += [tiny_programs.quantized(normed=normed).to_program() for normed in (False, True)]
    for original in originals:
        programs.save(original, tmp_path / "x.program")
        found = programs.load(tmp_path / "x.program")
        assert found.values == original.values
        for before, after in zip(original.operations, found.operations, strict=True):
            if isinstance(before, Convolution):
                assert isinstance(after, Convolution)
                for name in ("weight", "bias", "weight_scale"):
                    np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
                assert (before.stride, before.padding, before.groups, before.relu, before.trainable) == (
                    after.stride,
                    after.padding,
                    after.groups,
                    after.relu,
                    after.trainable,
                )
            else:
                assert before == after


def _no_rule(lowering: Lowering, node: Node) -> str:
    raise AssertionError


def test_a_name_is_registered_once() -> None:
    register_all()
    with pytest.raises(ValueError, match=r"aten\.relu\.default is lowered by compress\.\S+ and by .*test_lower"):
        lowers("aten.relu.default")(_no_rule)
    with pytest.raises(ValueError, match=r"two kinds addition, in compress\.operations\.addition and .*test_lower"):
        type("Other", (Operation,), {"__module__": __name__}, kind="addition")
    assert KINDS["addition"] is Addition
