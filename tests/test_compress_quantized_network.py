"""The network that trains is the integer program, before and after training."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from compress import program as programs
from compress.observe import observe
from compress.operations.convolution import Convolution
from compress.quantized_network import QuantizedNetwork
from compress.simulate import logits
from tests import tiny_programs

NORMED = pytest.mark.parametrize("normed", [False, True])


@NORMED
def test_its_logits_are_the_simulators_to_the_last_bit(normed: bool) -> None:
    network = tiny_programs.quantized(normed=normed)
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
