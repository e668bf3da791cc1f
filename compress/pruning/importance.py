"""How much a network needs each of its units.

Shapes: B batch, C channels, F mel bands, T frames, K classes; U units and numbers that are joined to others.
"""

from collections.abc import Iterable
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from compress.pruning.dependency import Dependencies

Criterion = Literal["taylor", "magnitude"]


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
