"""Which units have to go for a network to cost no more than a target: the least important ones of all groups.

What counts is a unit's importance relative to the mean of its group, for layers differ in scale (Molchanov et al.,
"Pruning convolutional neural networks for resource efficient inference", 2017, bring them to one scale too). Once
either parameters or MACs are few enough, layers that have next to none of the other stay as they are.

Shapes: B batch, C channels, F mel bands, T frames, K classes; U units and numbers that are joined to others.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from compress.pruning.dependency import Dependencies, Group
from tinyasc.errors import UserError

Criterion = Literal["taylor", "magnitude"]
Units = NDArray[np.int64]

SAMPLED, HELPS = 0.25, 0.01
"""A group helps if without this share of it the network has this share less of what is too much."""


@dataclass(frozen=True)
class Costs:
    """What a network costs as deployed (`tinyasc.cost`), or may cost."""

    parameters: int
    macs: int

    def __le__(self, other: "Costs") -> bool:
        return self.parameters <= other.parameters and self.macs <= other.macs

    def __str__(self) -> str:
        return f"{self.parameters:,} parameters and {self.macs:,} MACs"


def taylor(network: nn.Module, found: Dependencies, batches: Iterable[tuple[Tensor, Tensor]]) -> NDArray[np.float64]:
    """What the loss would change by if a unit were gone: float64 (U,).

    To first order, at the batch norms, whose scales and shifts gate a channel: gamma * dL/dgamma + beta * dL/dbeta,
    squared, averaged over batches and summed over a unit's batch norms (Molchanov et al., "Importance estimation for
    neural network pruning", 2019). Then the root, lest a few units of a layer make all others look alike.

    Args:
        network: in evaluation mode; its gradients are left empty.
        found: its units.
        batches: features (B, 1, F, T) and labels int64 (B,).
    """
    norms = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.BatchNorm2d)]
    gates = [weight for _, norm in norms for weight in (norm.weight, norm.bias)]
    total, count = _nothing(found), 0
    for features, label in batches:
        loss = functional.cross_entropy(network(features), label)
        gradients = torch.autograd.grad(loss, gates)
        products = [(weight * gradient).detach() for weight, gradient in zip(gates, gradients, strict=True)]
        for (name, _), scale, shift in zip(norms, products[::2], products[1::2], strict=True):
            change = (scale + shift).double().square()
            np.add.at(total, found.units[f"{name}.weight", 0], change.numpy())
        count += 1
    return np.sqrt(total / count)


def magnitude(network: nn.Module, found: Dependencies) -> NDArray[np.float64]:
    """The L2 norm of all filters of a unit (Li et al., "Pruning filters for efficient ConvNets", 2017): (U,)."""
    total = _nothing(found)
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d):
            squares = layer.weight.detach().double().square().sum((1, 2, 3))
            np.add.at(total, found.units[f"{name}.weight", 0], squares.numpy())
    return np.sqrt(total)


def _nothing(found: Dependencies) -> NDArray[np.float64]:
    return np.zeros(1 + max(int(units.max()) for units in found.units.values()))


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
    at_last: Costs,
    round_to: int,
    min_channels: int,
) -> Units:
    """The units to remove: as few as meet the target.

    Args:
        groups: what can be removed.
        importance: float64 (U,).
        cost_without: what the network costs without some units.
        target: what it may cost.
        at_last: what it may cost after the rounds to come.
        round_to: channels of each group are rounded up to a multiple of this, where they are not fewer already.
        min_channels: fewest channels of a group, where they are not fewer already.

    Raises:
        UserError: what it may cost at last is not met even by the fewest channels.
    """
    ranked = [group.units[np.argsort(importance[group.units], kind="stable")] for group in groups]
    scores = [importance[units] / max(importance[units].mean(), 1e-30) for units in ranked]
    owners = np.repeat(np.arange(len(groups)), [len(units) for units in ranked])
    order = owners[np.argsort(np.concatenate(scores), kind="stable")]  # which group gives a unit next

    def removed(order: Units, steps: int) -> Units:
        gone = np.bincount(order[:steps], minlength=len(groups))
        parts = []
        for group, units, count in zip(groups, ranked, gone.tolist(), strict=True):
            step = round_to // gcd(round_to, group.channels)
            wanted = max(len(units) - count, -(-min_channels // group.channels))
            parts.append(units[: max(0, len(units) - -(-wanted // step) * step)])
        return np.concatenate(parts)

    def fewest(order: Units, enough: Callable[[Costs], bool]) -> int:
        return bisect_left(range(len(order) + 1), True, key=lambda steps: enough(cost_without(removed(order, steps))))

    first = fewest(order, lambda cost: cost.parameters <= target.parameters or cost.macs <= target.macs)
    least = cost_without(removed(order, len(order)))
    if not least <= at_last:
        raise UserError(f"the fewest channels leave {least}, the target is {at_last}: allow more, or fewer channels")
    samples = [units[: max(1, int(SAMPLED * len(units)))] for units in ranked]
    whole, above = cost_without(order[:0]), cost_without(removed(order, first))
    helps = np.array([_helps(whole, cost_without(sample), above, target) for sample in samples])
    rest = order[first:]
    order = np.concatenate([order[:first], rest[helps[rest]], rest[~helps[rest]]])
    return removed(order, fewest(order, lambda cost: cost <= target))


def _helps(whole: Costs, then: Costs, above: Costs, target: Costs) -> bool:
    """Whether a group has a share worth mentioning of what is still above the target."""
    return (above.parameters > target.parameters and then.parameters < (1 - HELPS) * whole.parameters) or (
        above.macs > target.macs and then.macs < (1 - HELPS) * whole.macs
    )
