"""Which channels of a network belong together, so that they can only be removed together.

One walk over the exported ATen graph carries a number for every channel of every value. A dense convolution gives its
outputs new numbers; batch norm, activations and pooling keep them, and so does a depthwise convolution; an addition
joins the numbers of what it adds. Groups of a convolution must stay of one size, so channels at the same place of all
its groups are joined too. What has one number in the end is a unit. Input and classes stay.

The problem is that of Fang et al., "DepGraph: towards any structural pruning", 2023. Their library (torch-pruning
1.6.1) takes ACDNet's transposition, which turns channels into rows, for an operation on single elements.

Shapes: B batch, C channels, F mel bands, T frames, K classes; O output channels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.export import ExportedProgram, export
from torch.fx import Node

from compress.lowering.graph import arguments
from compress.lowering.response_norm import keep_whole
from tinyasc.errors import UserError
from tinyasc.models.layers.frequency_damping import fold_damping

Channels = NDArray[np.int64]
"""The number of every channel of a value."""
STAY = 0
"""The number of channels that cannot be removed."""


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
    plain = fold_damping(network).eval().cpu()
    keep_whole(plain)
    return _Walk(export(plain, (torch.zeros(1, *shape),))).walk()


class _Walk:
    """The numbers so far, and the graph they are of."""

    def __init__(self, exported: ExportedProgram) -> None:
        signature = exported.graph_signature
        self.names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        self.graph = exported.graph
        self.channels: dict[Node, Channels] = {}
        self.joined = [STAY]  # for every number one that it is joined to, itself at the end
        self.units: dict[tuple[str, int], Channels] = {}

    def walk(self) -> Dependencies:
        for node in self.graph.nodes:
            if node.op == "placeholder" and node.name not in self.names:
                self.channels[node] = np.full(node.meta["val"].shape[1], STAY)
            elif node.op == "call_function":
                rule = RULES.get(str(node.target))
                if rule is None:
                    raise UserError(
                        f"the network has {node.target}, which ties channels in a way that pruning does not know: "
                        "train a smaller size of it instead"
                    )
                self.channels[node] = rule(self, node)
            elif node.op == "output":
                classes = self.channels[node.args[0][0]]
                self.join(classes, np.full_like(classes, STAY))
        return Dependencies({place: np.array([*map(self.find, numbers)]) for place, numbers in self.units.items()})

    def new(self, count: int) -> Channels:
        first = len(self.joined)
        self.joined += range(first, first + count)
        return np.arange(first, first + count)

    def find(self, number: int) -> int:
        while self.joined[number] != number:
            number = self.joined[number]
        return number

    def join(self, first: Channels, second: Channels) -> None:
        for one, other in zip(first.tolist(), second.tolist(), strict=True):
            lower, higher = sorted((self.find(one), self.find(other)))
            self.joined[higher] = lower

    def note(self, tensor: Any, axis: int, channels: Channels) -> None:
        """The places along an axis of a weight are these channels; none where a layer has no such weight."""
        if tensor is not None:
            self.units[self.names[tensor.name], axis] = channels


def _convolution(walk: _Walk, node: Node) -> Channels:
    source, weight, bias, *_, groups = arguments(node, 7, (None, (1, 1), (0, 0), (1, 1), 1))
    inputs, outputs = walk.channels[source], weight.meta["val"].shape[0]
    if 1 < groups == len(inputs) == outputs:
        found = inputs
    else:
        found = walk.new(outputs)
        for channels in (inputs, found):
            by_group = channels.reshape(groups, -1)
            for others in by_group[1:]:
                walk.join(by_group[0], others)
        walk.note(weight, 1, inputs[: len(inputs) // groups])
    walk.note(weight, 0, found)
    walk.note(bias, 0, found)
    return found


def _batch_norm(walk: _Walk, node: Node) -> Channels:
    source, *tensors = node.args[:5]
    for tensor in tensors:
        walk.note(tensor, 0, walk.channels[source])  # type: ignore[index]
    return walk.channels[source]  # type: ignore[index]


def _linear(walk: _Walk, node: Node) -> Channels:
    source, weight, bias = arguments(node, 3, (None,))
    found = walk.new(weight.meta["val"].shape[0])
    walk.note(weight, 1, walk.channels[source])
    walk.note(weight, 0, found)
    walk.note(bias, 0, found)
    return found


def _addition(walk: _Walk, node: Node) -> Channels:
    first, second = (walk.channels[source] for source in node.args[:2])  # type: ignore[index]
    walk.join(first, second)
    return first


def _each_channel(walk: _Walk, node: Node) -> Channels:
    return walk.channels[node.args[0]]  # type: ignore[index]


def _channels_to_rows(walk: _Walk, node: Node) -> Channels:
    """ACDNet's turn: channels become rows, of which no weight behind depends, and the single row one channel."""
    if sorted(node.args[1:]) != [1, 2]:  # type: ignore[type-var]
        raise UserError(f"{node.name} transposes axes {node.args[1:]}: pruning knows channels that become rows")
    return np.full(node.meta["val"].shape[1], STAY)


RULES: dict[str, Callable[[_Walk, Node], Channels]] = {
    "aten.conv2d.default": _convolution,
    "aten.linear.default": _linear,
    "aten.batch_norm.default": _batch_norm,
    "aten.add.Tensor": _addition,
    "aten.transpose.int": _channels_to_rows,
    **dict.fromkeys(
        (
            "aten.relu.default",
            "aten.dropout.default",
            "aten.max_pool2d.default",
            "aten.avg_pool2d.default",
            "aten.mean.dim",
            "tinyasc.response_norm.default",
        ),
        _each_channel,
    ),
}
