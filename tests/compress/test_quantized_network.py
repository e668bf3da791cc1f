"""The network that trains is the integer program, before and after training."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from compress import program as programs
from compress.operations.convolution import Convolution
from compress.quantized_network import QuantizedNetwork, to_integers
from compress.scheme import DEFAULT, Scheme
from compress.simulate import logits, observe, run_float
from tests.support import tiny_programs

NORMED = pytest.mark.parametrize("normed", [False, True])


@pytest.mark.parametrize(
    ("normed", "scheme", "learn_steps"),
    [
        (False, DEFAULT, False),
        (True, DEFAULT, False),
        (False, Scheme("per_tensor", "symmetric"), True),
        (True, Scheme("per_tensor", "symmetric"), True),
        (True, DEFAULT, True),
        (False, Scheme(wide=["*"]), True),
        (False, Scheme(activations="symmetric", wide=["add_1", "conv2d_20"]), False),
    ],
)
def test_its_logits_are_the_simulators_to_the_last_bit(normed: bool, scheme: Scheme, learn_steps: bool) -> None:
    network = tiny_programs.quantized(0, normed, scheme, learn_steps)
    log_mel = np.concatenate([tiny_programs.log_mel(48), 4 * tiny_programs.log_mel(16, seed=2)])  # some out of range
    log_mel[0] = 0
    for _ in range(3):
        with torch.no_grad():
            found = network.eval()(torch.from_numpy(log_mel)).numpy()
        expected = logits(network.to_program(), log_mel)
        np.testing.assert_array_equal(found, expected)
        assert expected.std() > 0.1
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
        network.train()(torch.from_numpy(log_mel)).square().mean().backward()
        optimizer.step()


@NORMED
def test_int8_stays_near_float(normed: bool) -> None:
    float_network, log_mel = tiny_programs.network(normed=normed), tiny_programs.log_mel(64)
    with torch.no_grad():
        expected = float_network(torch.from_numpy(log_mel)).numpy()
    found = logits(tiny_programs.quantized(normed=normed).to_program(), log_mel)
    for logit in range(tiny_programs.CLASSES):
        assert np.corrcoef(found[:, logit], expected[:, logit])[0, 1] > 0.9


@NORMED
def test_training_brings_it_nearer_to_a_target(normed: bool) -> None:
    network = tiny_programs.quantized(normed=normed).train()
    log_mel = torch.from_numpy(tiny_programs.log_mel(32))
    target = torch.randn(32, tiny_programs.CLASSES, generator=torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(30):
        loss = (network(log_mel) - target).square().mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < 0.7 * losses[0]


def test_ranges_follow_the_data_only_while_observing_in_training() -> None:
    network = tiny_programs.quantized()
    loud = 3 * torch.from_numpy(tiny_programs.log_mel(8))
    before = copy.deepcopy(network.ranges)
    network.eval()(loud)
    network.train()
    network.observing = False
    network(loud)
    torch.testing.assert_close(network.ranges, before, rtol=0, atol=0)
    network.observing = True
    network(loud)
    assert (network.ranges[0, 1] > before[0, 1]).item()


def test_learned_steps_start_as_the_default_and_move() -> None:
    networks = [tiny_programs.quantized(learn_steps=learned).train() for learned in (False, True)]
    log_mel = torch.from_numpy(tiny_programs.log_mel(16))
    for network in networks:
        network.observing = False
    first, second = (network(log_mel) for network in networks)
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    network = networks[1]
    before = network.to_program().quantizations["conv2d"].scale
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    second.square().mean().backward()
    optimizer.step()
    # Adam's first step is the rate itself, here a share of each step
    ratio = np.log(network.to_program().quantizations["conv2d"].scale / before)
    assert abs(ratio) == pytest.approx(1e-2, rel=1e-3)
    found, weight = network.to_float_program().operations[0], tiny_programs.float_program().operations[0]
    assert isinstance(found, Convolution)
    assert isinstance(weight, Convolution)
    assert found.weight_step is not None
    start = np.abs(weight.weight).reshape(len(weight.weight), -1).max(1) / 127
    np.testing.assert_allclose(np.abs(np.log(found.weight_step / start)), 1e-2, rtol=1e-3)


def test_16_bits_hold_a_value_256_times_as_finely() -> None:
    program, log_mel = tiny_programs.float_program(), torch.from_numpy(tiny_programs.log_mel(32, seed=100))
    name = program.operations[-2].output
    real, errors = run_float(program, log_mel)[name], []
    for scheme in (DEFAULT, Scheme(wide=[name])):
        found = tiny_programs.quantized(scheme=scheme).to_program().quantizations[name]
        errors.append((to_integers(real / found.step, found, relu=False) * found.step - real).abs().mean().item())
    assert 200 < errors[0] / errors[1] < 350  # an 8-bit mean's scales are a little wider than its range


def test_a_pooling_has_no_parameters() -> None:
    network = tiny_programs.quantized()
    assert sum(p.numel() for p in network.parameters()) == network.to_program().parameter_count


def test_weights_take_the_steps_that_a_program_gives_them(tmp_path: Path) -> None:
    original = tiny_programs.float_program()
    first = original.operations[0]
    assert isinstance(first, Convolution)
    step = np.abs(first.weight).reshape(len(first.weight), -1).max(1) / np.float32(60)
    changed = replace(first, weight_step=step)
    programs.save(replace(original, operations=(changed, *original.operations[1:])), tmp_path / "x")
    program, log_mel = programs.load(tmp_path / "x"), torch.from_numpy(tiny_programs.log_mel(16))
    network = QuantizedNetwork(program, observe(program, [log_mel]), momentum=0.1).eval()
    int8 = network.to_program()
    found = int8.operations[0]
    assert isinstance(found, Convolution)
    np.testing.assert_array_equal(found.weight, np.rint(first.weight / step[:, None, None, None]))
    assert (np.abs(found.weight).reshape(len(step), -1).max(1) == 60).all()
    assert found.weight_step is None
    with torch.no_grad():
        np.testing.assert_array_equal(network(log_mel).numpy(), logits(int8, log_mel.numpy()))
    # weights beyond 127 steps are clamped
    small = replace(first, weight_step=step / 4).quantized(int8.quantizations, int8.shapes)
    assert (np.abs(small.weight).reshape(len(step), -1).max(1) == 127).all()
