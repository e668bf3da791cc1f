"""One cut: the least important channels of a network removed, until it costs no more than a target.

Shapes: B batch, C channels, F mel bands, T frames.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from compress.pruning.dependency import Dependencies, dependencies
from compress.pruning.selection import Costs, Criterion, Units, choose, magnitude, taylor
from tinyasc import cost, models
from tinyasc.artifact import ModelCard
from tinyasc.dcase import LIMITS
from tinyasc.errors import UserError
from tinyasc.models import ARCHITECTURES

LATEST = LIMITS[max(LIMITS)]


@dataclass(frozen=True)
class PruningConfig:
    """What is pruned away, and on what grounds."""

    parameters: int = LATEST.parameter_bytes or 0
    """Most parameters, as deployed; the default is DCASE's limit in INT8."""
    macs: int = LATEST.macs
    """Most multiply-accumulates of a clip, as deployed; the default is DCASE's limit."""
    rounds: int = 4
    """How often some channels are removed and the rest trained; each round removes the same share of what is there."""
    criterion: Criterion = "taylor"
    """What makes a channel important. taylor: how the loss changes without it (Molchanov et al., 2019). magnitude: the
    norm of its filters (Li et al., 2017)."""
    clips: int = 512
    """Training clips that taylor looks at."""
    round_to: int = 1
    """Channels of a layer are left at a multiple of this; kernels for integers like 4 or 8."""
    min_channels: int = 4
    """Fewest channels of a layer."""

    def __post_init__(self) -> None:
        if self.criterion not in get_args(Criterion):
            raise UserError(f"pruning: criterion is {self.criterion!r}: choose from {', '.join(get_args(Criterion))}")
        for name in ("parameters", "macs", "rounds", "clips", "round_to", "min_channels"):
            if (value := getattr(self, name)) < 1:
                raise UserError(f"pruning: {name} is {value}: take 1 or more")


@dataclass(frozen=True)
class Cut:
    """What is left of a network."""

    config: dict[str, Any]
    """Settings of the architecture."""
    state: dict[str, Tensor]
    """State dict of the network that they describe: the weights of the channels that stay."""
    channels: dict[str, tuple[int, int]]
    """Layer -> its channels before and after."""
    before: Costs
    after: Costs


def deployed(network: nn.Module, shape: tuple[int, int, int]) -> Costs:
    """What a network costs for one input (C, F, T) when its batch norms are folded."""
    counted = cost.measure(network, (1, *shape)).to_dict()
    return Costs(counted["deployed_parameters"], counted["deployed_macs"])


def cut(
    network: nn.Module,
    card: ModelCard,
    shape: tuple[int, int, int],
    *,
    batches: Iterable[tuple[Tensor, Tensor]],
    target: Costs,
    pruning: PruningConfig,
) -> Cut:
    """Choose and remove.

    Args:
        network: in evaluation mode; left as it is.
        card: of its run.
        shape: (C, F, T) of one input.
        batches: features (B, 1, F, T) and labels int64 (B,), which the criterion taylor looks at.
        target: what it may cost after this cut.
        pruning: how to choose, and what it may cost after all cuts.

    Raises:
        UserError: it cannot cost so little, or pruning does not know such a network.
    """
    layers = listed_layers(card.architecture, network)
    found = dependencies(network, shape)
    importance = magnitude(network, found) if pruning.criterion == "magnitude" else taylor(network, found, batches)

    def config_without(removed: Units) -> dict[str, Any]:
        return pruned_config(card.config, layers, found, removed)

    def cost_without(removed: Units) -> Costs:
        return deployed(models.build(card.architecture, config_without(removed), len(card.labels)), shape)

    removed = choose(
        found.groups,
        importance,
        cost_without,
        target,
        at_last=Costs(pruning.parameters, pruning.macs),
        round_to=pruning.round_to,
        min_channels=pruning.min_channels,
    )
    nothing = np.array([], np.int64)
    return Cut(
        config=config_without(removed),
        state=found.prune(network.state_dict(), removed),
        channels={layer: (found.kept(layer, nothing), found.kept(layer, removed)) for layer in layers},
        before=deployed(network, shape),
        after=cost_without(removed),
    )


def listed_layers(architecture: str, network: nn.Module) -> list[str]:
    """The names of the layers whose channels the config lists.

    Raises:
        UserError: the architecture's config cannot say what pruning leaves.
    """
    prunable = ARCHITECTURES[architecture].prunable
    if prunable is None:
        raise UserError(
            f"{architecture} cannot be pruned, its settings only know whole sizes: train a smaller one, or prune "
            f"{', '.join(sorted(name for name, kind in ARCHITECTURES.items() if kind.prunable))}"
        )
    found = [name for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d)]
    return [name for name in found if re.fullmatch(prunable, name)]


def pruned_config(
    config: dict[str, Any], layers: list[str], found: Dependencies, removed: NDArray[np.int64]
) -> dict[str, Any]:
    """The config of a network without the units `removed`."""
    return config | {"channels": [found.kept(layer, removed) for layer in layers]}
