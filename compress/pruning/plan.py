"""Which units have to go for a network to cost no more than a target.

The least important ones of all groups; what counts is a unit's importance relative to the mean of its group, for layers
differ in scale (Molchanov et al., "Pruning convolutional neural networks for resource efficient inference", 2017, bring
them to one scale too).

Shapes: U units and numbers that are joined to others.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np
from numpy.typing import NDArray

from compress.pruning.dependency import Group
from tinyasc.errors import UserError

Units = NDArray[np.int64]


@dataclass(frozen=True)
class Costs:
    """What a network costs as deployed (`tinyasc.cost`), or may cost."""

    parameters: int
    macs: int

    def __le__(self, other: "Costs") -> bool:
        return self.parameters <= other.parameters and self.macs <= other.macs

    def __str__(self) -> str:
        return f"{self.parameters:,} parameters and {self.macs:,} MACs"


def on_the_way(now: Costs, target: Costs, left: int) -> Costs:
    """The target of the next of `left` rounds, each of which leaves the same share of what the one before left."""
    ends = [(now.parameters, target.parameters), (now.macs, target.macs)]
    return Costs(*(int(start * (end / start) ** (1 / left)) if start > end else end for start, end in ends))


def choose(
    groups: Sequence[Group],
    importance: NDArray[np.float64],
    cost_without: Callable[[Units], Costs],
    target: Costs,
    *,
    round_to: int,
    min_channels: int,
) -> Units:
    """The units to remove: as few as meet the target.

    Args:
        groups: what can be removed.
        importance: float64 (U,).
        cost_without: what the network costs without some units.
        target: what it may cost.
        round_to: channels of each group are rounded up to a multiple of this, where they are not fewer already.
        min_channels: fewest channels of a group, where they are not fewer already.

    Raises:
        UserError: the target is not met even by the fewest channels.
    """
    ranked = [group.units[np.argsort(importance[group.units], kind="stable")] for group in groups]
    scores = [importance[units] / max(importance[units].mean(), 1e-30) for units in ranked]
    owners = np.repeat(np.arange(len(groups)), [len(units) for units in ranked])
    order = owners[np.argsort(np.concatenate(scores), kind="stable")]  # whose unit goes next

    def removed(steps: int) -> Units:
        gone = np.bincount(order[:steps], minlength=len(groups))
        parts = []
        for group, units, count in zip(groups, ranked, gone.tolist(), strict=True):
            step = round_to // gcd(round_to, group.channels)
            wanted = max(len(units) - count, -(-min_channels // group.channels))
            parts.append(units[: max(0, len(units) - -(-wanted // step) * step)])
        return np.concatenate(parts)

    steps = bisect_left(range(len(order) + 1), True, key=lambda count: cost_without(removed(count)) <= target)
    if steps > len(order):
        least = cost_without(removed(len(order)))
        raise UserError(f"the fewest channels leave {least}, the target is {target}: allow more, or fewer channels")
    return removed(steps)
