"""Pruning: what belongs together, what is chosen, and the command on a tiny data set."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import nn

from compress.prune import prune_student
from compress.pruning.dependency import Dependencies, Group, dependencies
from compress.pruning.description import listed_layers, pruned_config
from compress.pruning.importance import magnitude, taylor
from compress.pruning.plan import Costs, choose, on_the_way
from tests import tiny_data
from tinyasc import artifact, models, recipe
from tinyasc.errors import UserError
from train import trained
from train.evaluate import evaluate
from train.student import train_student

SPECTROGRAM, WAVEFORM = (1, 64, 32), (1, 1, 3200)
MOBILE = {"base_channels": 8, "channels_multiplier": 1.5, "expansion_rate": 2.0}
ACDNET = {"samples": 3200, "channels": [4, 12, 6, 8, 8, 8, 8, 8, 8, 8, 8]}
# ACDNet's second convolution makes rows of a picture: a row that is gone moves its neighbours, zero or not
ROWS = "spectral.1.0"
NETWORKS = {
    "acdnet": ("acdnet", ACDNET, WAVEFORM),
    "cp_mobile": ("cp_mobile", MOBILE | {"global_response_norm": False}, SPECTROGRAM),
    "cp_resnet": ("cp_resnet", {"base_channels": 8, "cut_channels": [0, 4], "frequency_damping": 0.1}, SPECTROGRAM),
}


def random_network(architecture: str, config: dict, seed: int = 0) -> nn.Module:
    """In float64, with batch norms that do something and blocks that are not silent at first."""
    torch.manual_seed(seed)
    network = models.build(architecture, config, 3).eval().double()
    with torch.no_grad():
        for name, layer in network.named_modules():
            if isinstance(layer, nn.BatchNorm2d):
                assert layer.running_mean is not None
                assert layer.running_var is not None
                for tensor in (layer.bias, layer.running_mean):
                    tensor.normal_()
                for tensor in (layer.weight, layer.running_var):
                    tensor.uniform_(0.5, 1.5)
            elif isinstance(layer, nn.Conv2d) and not layer.weight.any():  # Fixup
                nn.init.kaiming_normal_(layer.weight)
                assert name
    return network


def without(architecture: str, config: dict, network: nn.Module, found: Dependencies, units: np.ndarray) -> nn.Module:
    """The network built anew from the config and the state that pruning gives."""
    layers = listed_layers(architecture, network)
    pruned = models.build(architecture, pruned_config(config, layers, found, units), 3).eval().double()
    pruned.load_state_dict(found.prune(network.state_dict(), units))
    return pruned


def silence(network: nn.Module, found: Dependencies, units: np.ndarray) -> None:
    """Make all channels of some units zero: scale and shift of their batch norms."""
    with torch.no_grad():
        for name, layer in network.named_modules():
            if isinstance(layer, nn.BatchNorm2d):
                silent = torch.from_numpy(np.isin(found.units[f"{name}.weight", 0], units))
                layer.weight[silent] = layer.bias[silent] = 0


@pytest.mark.parametrize("name", NETWORKS)
def test_channels_that_are_zero_can_go_and_nothing_changes(name: str) -> None:
    architecture, config, shape = NETWORKS[name]
    network = random_network(architecture, config)
    found = dependencies(network, shape)
    gone = np.concatenate([group.units[1::3] for group in found.groups if group.name != ROWS])
    silence(network, found, gone)
    inputs = torch.randn(4, *shape, dtype=torch.float64)
    pruned = without(architecture, config, network, found, gone)
    assert sum(map(torch.numel, pruned.parameters())) < 0.7 * sum(map(torch.numel, network.parameters()))
    torch.testing.assert_close(pruned(inputs), network(inputs), rtol=1e-9, atol=1e-9)
    others = np.concatenate([group.units[::3] for group in found.groups if group.name != ROWS])
    assert not torch.allclose(without(architecture, config, network, found, others)(inputs), network(inputs))


def test_channels_inside_of_blocks_can_go_beside_a_response_norm() -> None:
    network = random_network("cp_mobile", MOBILE)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "gamma" in name:
                parameter.fill_(0.5)
    found = dependencies(network, SPECTROGRAM)
    gone = np.concatenate([group.units[::2] for group in found.groups if group.name.endswith("block.0.0")])
    silence(network, found, gone)
    inputs = torch.randn(2, *SPECTROGRAM, dtype=torch.float64)
    pruned = without("cp_mobile", MOBILE, network, found, gone)
    torch.testing.assert_close(pruned(inputs), network(inputs), rtol=1e-9, atol=1e-9)


# by hand, from the code of the networks: (first layer, units, channels of one)
GROUPS = {
    "acdnet": [("spectral.0.0", 4, 1), (ROWS, 12, 1)]
    + [(f"temporal.{n}.0", width, 1) for n, width in zip((0, 2, 3, 5, 6, 8, 9, 11, 12), [6] + 8 * [8], strict=True)]
    + [("pointwise.0", 3, 1)],
    "cp_mobile": [("stem.0.0", 2, 1), ("stem.1.0", 8, 1)]
    + [(f"stages.s1.b{n}.block.0.0", 16, 1) for n in (1, 2, 3)]
    + [("stages.s2.b4.block.0.0", 16, 1), ("stages.s2.b4.block.2.0", 16, 1), ("stages.s2.b5.block.0.0", 32, 1)]
    + [("stages.s3.b6.block.0.0", 32, 1), ("stages.s3.b6.block.2.0", 16, 1)],
    "cp_resnet": [("stem.0", 4, 2), ("stages.0.1.first.0", 8, 1), ("stages.0.3.first.0", 8, 1)]
    + [("stages.1.0.first.0", 8, 2), ("stages.1.0.second.0", 8, 2)]
    + [("stages.2.0.first.0", 28, 1), ("stages.2.0.second.0", 28, 1)],
}


@pytest.mark.parametrize("name", NETWORKS)
def test_groups(name: str) -> None:
    architecture, config, shape = NETWORKS[name]
    found = dependencies(models.build(architecture, config, 3), shape).groups
    assert [(group.name, len(group.units), group.channels) for group in found] == GROUPS[name]


@pytest.mark.parametrize("architecture", ["tf_sepnet", "bc_resnet", "mobileast"])
def test_other_networks_are_refused(architecture: str) -> None:
    network = models.build(architecture, {}, 3)
    with pytest.raises(UserError, match=f"{architecture} cannot be pruned"):
        listed_layers(architecture, network)
    with pytest.raises(UserError, match="pruning does not know"):
        dependencies(network, (1, 64, 64))


@pytest.mark.parametrize("criterion", ["taylor", "magnitude"])
def test_what_is_zero_is_least_important(criterion: str) -> None:
    network = random_network("cp_resnet", NETWORKS["cp_resnet"][1]).float()
    found = dependencies(network, SPECTROGRAM)
    gone = np.concatenate([group.units[1:3] for group in found.groups])
    silence(network, found, gone)
    with torch.no_grad():
        for name, layer in network.named_modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight[torch.from_numpy(np.isin(found.units[f"{name}.weight", 0], gone))] = 0
    batches = [(torch.randn(4, *SPECTROGRAM), torch.tensor([0, 1, 2, 0])) for _ in range(2)]
    importance = magnitude(network, found) if criterion == "magnitude" else taylor(network, found, batches)
    others = np.concatenate([np.delete(group.units, [1, 2]) for group in found.groups])
    assert importance[gone].max() == 0 < np.sort(importance[others])[len(others) // 4]


def test_taylor_is_what_the_loss_changes_by() -> None:
    """On the last layer but one of a network, to first order: a gate moved by a thousandth."""
    network = random_network("cp_mobile", MOBILE)
    found = dependencies(network, SPECTROGRAM)
    features, label = torch.randn(4, *SPECTROGRAM, dtype=torch.float64), torch.tensor([0, 1, 2, 0])
    importance = taylor(network, found, [(features, label)])
    unit = found.units["stages.s3.b6.block.2.0.weight", 0][5]
    norm = network.get_submodule("stages.s3.b6.block.2.1")
    assert isinstance(norm, nn.BatchNorm2d)
    with torch.no_grad():
        before = nn.functional.cross_entropy(network(features), label).item()
        norm.weight[5] *= 0.9999
        norm.bias[5] *= 0.9999
        after = nn.functional.cross_entropy(network(features), label).item()
    assert importance[unit] == pytest.approx(abs(after - before) / 1e-4, rel=1e-2)


@pytest.mark.parametrize(
    ("target", "round_to", "min_channels", "left"),
    [
        (Costs(12, 10**9), 1, 1, [4, 8]),  # the least important three of four, relative to their layer
        (Costs(16, 10**9), 1, 1, [8, 8]),
        (Costs(12, 10**9), 4, 1, [4, 8]),
        (Costs(13, 10**9), 4, 1, [4, 8]),
        (Costs(9, 10**9), 1, 3, [3, 6]),
        (Costs(100, 80), 1, 1, [8, 0]),
    ],
)
def test_choice(target: Costs, round_to: int, min_channels: int, left: list[int]) -> None:
    groups = [Group("a", np.arange(1, 9), 1), Group("b", np.arange(9, 17), 1)]
    importance = np.array([0, *(8 * [1.0]), *(8 * [1.0])])

    def cost_without(units: np.ndarray) -> Costs:
        return Costs(16 - len(units), 10 * (16 - len(units)))

    removed = choose(groups, importance, cost_without, target, round_to=round_to, min_channels=min_channels)
    assert [8 - int(np.isin(group.units, removed).sum()) for group in groups] == left
