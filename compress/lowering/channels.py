"""What operations do to the channels of a map, for pruning (`compress.pruning.dependency`).

Shapes: C channels.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.fx import Node

Channels = NDArray[np.int64]
"""The number of every channel of a value."""
STAY = 0
"""The number of channels that cannot be removed."""


class ChannelWalk:
    """The numbers of channels so far, and which of them are joined."""

    def __init__(self, names: Mapping[str, str]) -> None:
        """`names` are those in the state dict, of the graph's placeholders."""
        self.names = names
        self.channels: dict[Node, Channels] = {}
        self.joined = [STAY]  # for every number one that it is joined to, itself at the end
        self.units: dict[tuple[str, int], Channels] = {}

    def new(self, count: int) -> Channels:
        """Numbers that no channel has yet."""
        first = len(self.joined)
        self.joined += range(first, first + count)
        return np.arange(first, first + count)

    def find(self, number: int) -> int:
        """The lowest number that one is joined to."""
        while self.joined[number] != number:
            number = self.joined[number]
        return number

    def join(self, first: Channels, second: Channels) -> None:
        """Channels at the same place can only be removed together."""
        for one, other in zip(first.tolist(), second.tolist(), strict=True):
            lower, higher = sorted((self.find(one), self.find(other)))
            self.joined[higher] = lower

    def note(self, tensor: Any, axis: int, channels: Channels) -> None:
        """The places along an axis of a weight are these channels; none where a layer has no such weight."""
        if tensor is not None:
            self.units[self.names[tensor.name], axis] = channels


ChannelRule = Callable[[ChannelWalk, Node], Channels]
CHANNEL_RULES: dict[str, ChannelRule] = {}
"""From what the ATen graph calls, to the channels of what it gives."""


def each_channel(walk: ChannelWalk, node: Node) -> Channels:
    """Of what computes every channel by itself."""
    return walk.channels[node.args[0]]  # type: ignore[index]
