"""Which channels of a network belong together, so that they can only be removed together.

One walk over the exported ATen graph carries a number for every channel of every value, by the rules that operations
register (`compress.lowering.channels`). A dense convolution gives its outputs new numbers; batch norm, activations and
pooling keep them, and so does a depthwise convolution; an addition joins the numbers of what it adds. Groups of a
convolution must stay of one size, so channels at the same place of all its groups are joined too. What has one number
in the end is a unit. Input and classes stay.

The problem is that of Fang et al., "DepGraph: towards any structural pruning", 2023. Their library (torch-pruning
1.6.1) takes ACDNet's transposition, which turns channels into rows, for an operation on single elements.

Shapes: B batch, C channels, F mel bands, T frames, K classes; O output channels.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.export import export

from compress.lowering.channels import CHANNEL_RULES, STAY, Channels, ChannelWalk
from compress.lowering.graph import LEAVES
from compress.operations import register_all
from tinyasc.errors import UserError
from tinyasc.models.layers.frequency_damping import fold_damping


@dataclass(frozen=True)
class Group:
    """Units that are the same channels of the same layers: any of them can go."""

    name: str
    """The layer that makes their channels, the first if there are several."""
    units: NDArray[np.int64]
    """Their numbers, in the order of the channels."""
    channels: int
    """Channels of one layer that a unit is: one, or one of each group of a grouped convolution."""


@dataclass(frozen=True)
class Dependencies:
    """The units of a network, and where in its state they are."""

    units: dict[tuple[str, int], Channels]
    """Name of a weight, statistic or bias in the state dict and axis -> the unit of every place along it."""

    @property
    def groups(self) -> list[Group]:
        """All that can be removed, in running order."""
        layers: dict[int, dict[str, int]] = {}
        for (name, axis), units in self.units.items():
            if axis == 0:
                for unit, count in zip(*np.unique(units, return_counts=True), strict=True):
                    layers.setdefault(int(unit), {})[name.rpartition(".")[0]] = int(count)
        layers.pop(STAY, None)
        alike: dict[tuple[str, ...], list[int]] = {}
        for unit, made in layers.items():
            alike.setdefault(tuple(made), []).append(unit)
        return [Group(names[0], np.array(sorted(units)), layers[units[0]][names[0]]) for names, units in alike.items()]

    def kept(self, layer: str, removed: NDArray[np.int64]) -> int:
        """Output channels that a layer has without the units `removed`."""
        return int((~np.isin(self.units[f"{layer}.weight", 0], removed)).sum())

    def prune(self, state: dict[str, Tensor], removed: NDArray[np.int64]) -> dict[str, Tensor]:
        """A state dict without the units `removed`."""
        pruned = dict(state)
        for (name, axis), units in self.units.items():
            places = torch.from_numpy(np.flatnonzero(~np.isin(units, removed)))
            pruned[name] = pruned[name].index_select(axis, places)
        return pruned


def dependencies(network: nn.Module, shape: tuple[int, int, int]) -> Dependencies:
    """The units of a network.

    Args:
        network: maps (B, C, F, T) to (B, K); left as it is.
        shape: (C, F, T) of one input.

    Raises:
        UserError: an operation of which it is not known what it does to channels.
    """
    register_all()
    plain = fold_damping(network).eval().cpu()
    for target in LEAVES.keys() & CHANNEL_RULES.keys():
        LEAVES[target](plain)
    exported = export(plain, (torch.zeros(1, *shape),))
    signature = exported.graph_signature
    walk = ChannelWalk({**signature.inputs_to_parameters, **signature.inputs_to_buffers})
    for node in exported.graph.nodes:
        if node.op == "placeholder" and node.name not in walk.names:
            walk.channels[node] = np.full(node.meta["val"].shape[1], STAY)
        elif node.op == "call_function":
            rule = CHANNEL_RULES.get(str(node.target))
            if rule is None:
                raise UserError(
                    f"the network has {node.target}, which ties channels in a way that pruning does not know: "
                    "train a smaller size of it instead"
                )
            walk.channels[node] = rule(walk, node)
        elif node.op == "output":
            classes = walk.channels[node.args[0][0]]
            walk.join(classes, np.full_like(classes, STAY))
    return Dependencies({place: np.array([*map(walk.find, numbers)]) for place, numbers in walk.units.items()})
