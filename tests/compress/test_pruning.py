"""The room of pruning: what belongs together, what is least important, what is to go."""

import numpy as np
import pytest
import torch
from torch import nn

from compress.pruning.cut import listed_layers, pruned_config
from compress.pruning.dependency import Dependencies, Group, dependencies
from compress.pruning.selection import Costs, choose, magnitude, on_the_way, taylor
from tinyasc import models
from tinyasc.errors import UserError

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
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                assert layer.running_mean is not None
                assert layer.running_var is not None
                for tensor in (layer.bias, layer.running_mean):
                    tensor.normal_()
                for tensor in (layer.weight, layer.running_var):
                    tensor.uniform_(0.5, 1.5)
            elif isinstance(layer, nn.Conv2d) and not layer.weight.any():  # Fixup
                nn.init.kaiming_normal_(layer.weight)
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
    "acdnet": [
        ("spectral.0.0", 4, 1),
        (ROWS, 12, 1),
        ("temporal.0.0", 6, 1),
        *((f"temporal.{n}.0", 8, 1) for n in (2, 3, 5, 6, 8, 9, 10, 11)),  # no more pooling behind the last four
        ("pointwise.0", 3, 1),
    ],
    "cp_mobile": [
        ("stem.0.0", 2, 1),
        ("stem.1.0", 8, 1),
        *((f"stages.s1.b{n}.block.0.0", 16, 1) for n in (1, 2, 3)),
        ("stages.s2.b4.block.0.0", 16, 1),
        ("stages.s2.b4.block.2.0", 16, 1),
        ("stages.s2.b5.block.0.0", 32, 1),
        ("stages.s3.b6.block.0.0", 32, 1),
        ("stages.s3.b6.block.2.0", 24, 1),
    ],
    "cp_resnet": [
        ("stem.0", 4, 2),
        ("stages.0.1.first.0", 8, 1),
        ("stages.0.3.first.0", 8, 1),
        ("stages.1.0.first.0", 8, 2),
        ("stages.1.0.second.0", 8, 2),
        ("stages.2.0.first.0", 28, 1),
        ("stages.2.0.second.0", 28, 1),
    ],
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
    assert importance[gone].max() == 0 < np.median(importance[others])


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


def plan(target: Costs, round_to: int = 1, min_channels: int = 1) -> list[int]:
    """What is left of two layers of eight units, of which the second one's are pairs of channels.

    Relative to the mean of their layer the units of the first are worth 0.22 to 1.78, of the second 0.78 and 1.22.
    """
    groups = [Group("a", np.arange(1, 9), 1), Group("b", np.arange(9, 17), 2)]
    importance = np.array([0.0, *range(1, 9), *(4 * [700.0, 1100.0])])

    def cost_without(units: np.ndarray) -> Costs:
        return Costs(16 - len(units), 100 - len(units))

    settings = {"at_last": target, "round_to": round_to, "min_channels": min_channels}
    removed = choose(groups, importance, cost_without, target, **settings)
    assert removed[removed <= 8].tolist() == list(range(1, 1 + int((removed <= 8).sum())))  # its least important ones
    return [group.channels * (8 - int(np.isin(group.units, removed).sum())) for group in groups]


@pytest.mark.parametrize(
    ("target", "settings", "left"),
    [
        (Costs(16, 100), {}, [8, 16]),
        (Costs(13, 100), {}, [5, 16]),  # 0.22, 0.44, 0.67
        (Costs(16, 97), {}, [5, 16]),  # the other limit
        (Costs(9, 100), {}, [5, 8]),  # then four of 0.78
        (Costs(8, 100), {}, [4, 8]),  # then 0.89
        (Costs(13, 100), {"round_to": 4}, [8, 8]),  # three of a are fewer than a step
        (Costs(2, 100), {}, [1, 2]),
        (Costs(9, 100), {"min_channels": 6}, [6, 6]),
    ],
)
def test_the_least_important_go_until_both_targets_hold(
    target: Costs, settings: dict[str, int], left: list[int]
) -> None:
    assert plan(target, **settings) == left


def test_a_target_below_the_fewest_channels_is_refused() -> None:
    with pytest.raises(UserError, match="the fewest channels leave 6 parameters and 90 MACs, the target is 5"):
        plan(Costs(5, 100), min_channels=4)


def test_rounds_take_the_same_share_each() -> None:
    now, target = Costs(1_600, 900), Costs(100, 1_000)
    assert on_the_way(now, target, 2) == Costs(400, 1_000)
    assert on_the_way(Costs(400, 900), target, 1) == target
