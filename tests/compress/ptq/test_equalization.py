"""Factors between convolutions: the same network in float, with even channels."""

import numpy as np
import pytest
import torch

from compress.operations.addition import Addition
from compress.operations.convolution import Convolution
from compress.program import Program, Value
from compress.ptq.equalization import Kind, equalized, pairs
from compress.simulate import run_float
from tests.support import tiny_programs

BATCHES = [torch.from_numpy(tiny_programs.log_mel(16, seed=seed)) for seed in (1, 2)]


def convolution(source: str, output: str, weight: np.ndarray, groups: int = 1, pooling: bool = False) -> Convolution:
    weight, bias = weight.astype(np.float32), np.full(len(weight), 0.0 if pooling else 0.3, np.float32)
    return Convolution(source, output, weight, bias, None, (1, 1), (1, 1), groups, not pooling, not pooling)


def pooled() -> Program:
    """Convolution -> average pooling -> convolution -> addition with the pooling's input as a user of its own."""
    random = np.random.default_rng(0)
    names = ("log_mel", "first", "pooling", "second", "third", "sum")
    spread = np.array([0.01, 1, 30])[:, None, None, None]
    operations = (
        convolution("log_mel", "first", random.normal(size=(3, 1, 3, 3)) * spread),
        convolution("first", "pooling", np.full((3, 1, 3, 3), 1 / 9), groups=3, pooling=True),
        convolution("pooling", "second", random.normal(size=(3, 3, 3, 3))),
        convolution("second", "third", random.normal(size=(3, 3, 3, 3))),
        Addition(("second", "third"), "sum", relu=False),
    )
    shapes = {name: (1 if name == "log_mel" else 3, tiny_programs.F, tiny_programs.T) for name in names}
    return Program("log_mel", "sum", {name: Value(name, shape) for name, shape in shapes.items()}, operations)


def grouped() -> Program:
    """Convolution -> convolution in groups -> depthwise convolution to two channels each -> convolution."""
    random = np.random.default_rng(1)
    shapes = {"log_mel": 1, "dense": 4, "groups": 6, "depthwise": 12, "last": 3}
    operations = (
        convolution(
            "log_mel", "dense", random.normal(size=(4, 1, 3, 3)) * np.array([0.01, 1, 30, 1])[:, None, None, None]
        ),
        convolution("dense", "groups", random.normal(size=(6, 2, 3, 3)), groups=2),
        convolution("groups", "depthwise", random.normal(size=(12, 1, 3, 3)), groups=6),
        convolution("depthwise", "last", random.normal(size=(3, 12, 3, 3))),
    )
    values = {name: Value(name, (channels, tiny_programs.F, tiny_programs.T)) for name, channels in shapes.items()}
    return Program("log_mel", "last", values, operations)


@pytest.mark.parametrize("kind", ["weights", "activations"])
@pytest.mark.parametrize("program", [tiny_programs.float_program(normed=True), pooled(), grouped()])
def test_float_outputs_stay(program: Program, kind: Kind) -> None:
    found = equalized(program, BATCHES, kind)
    changed = [a is not b for a, b in zip(program.operations, found.operations, strict=True)]
    assert sum(changed) >= 2
    for batch in BATCHES:
        expected = run_float(program, batch)[program.output]
        error = (run_float(found, batch)[program.output] - expected).abs().max()
        assert error < 1e-5 * expected.abs().max()


def test_a_pair_goes_through_a_pooling_and_ends_at_a_value_that_others_use() -> None:
    assert pairs(pooled()) == [(0, 2)]


def test_by_weights_both_sides_of_a_channel_become_alike() -> None:
    program = equalized(pooled(), BATCHES, "weights")
    first, second = program.operations[0], program.operations[2]
    assert isinstance(first, Convolution)
    assert isinstance(second, Convolution)
    ratio = np.abs(first.weight).max((1, 2, 3)) / np.abs(second.weight).max((0, 2, 3))
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-4)


def test_by_activations_every_channel_before_a_depthwise_convolution_has_the_whole_range() -> None:
    program = equalized(tiny_programs.float_program(normed=True), BATCHES, "activations")
    seen: dict[str, torch.Tensor] = {}
    for batch in BATCHES:
        for name, value in run_float(program, batch).items():
            if value.dim() == 4:
                largest = value.abs().amax((0, 2, 3))
                seen[name] = torch.maximum(seen.get(name, largest), largest)
    depthwise = [one for one in program.operations if isinstance(one, Convolution) and one.depthwise and one.trainable]
    assert len(depthwise) == 6
    for one in depthwise:
        alive = seen[one.input][seen[one.input] > 0.01 * seen[one.input].max()]
        assert len(alive) > 0.7 * len(seen[one.input])
        torch.testing.assert_close(alive, alive.max().expand_as(alive), rtol=1e-4, atol=0)
