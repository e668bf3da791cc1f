"""Residual and layer normalization: kept whole through the export of a network, each met as one node.

Shapes: B batch, C channels, F mel bands, T frames.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Node

from compress.lowering.graph import Lowering
from compress.operations.standardization import CHANNEL, FREQUENCY, TIME, Standardization
from compress.program import Value
from tinyasc.models.layers.norms import AdaptiveResidualNorm, ResidualNorm

INSTANCE_EPSILON = 1e-5
"""torch's own, for instance normalization."""


@torch.library.custom_op("tinyasc::standardization", mutates_args=())
def _standardization(
    x: Tensor, share: Tensor, gain: Tensor, bias: Tensor, *, over: str, trained: str, epsilon: float
) -> Tensor:
    """Only its shape is asked for; the network computes its norms itself."""
    raise NotImplementedError


@_standardization.register_fake
def _(x: Tensor, share: Tensor, gain: Tensor, bias: Tensor, *, over: str, trained: str, epsilon: float) -> Tensor:
    return torch.empty_like(x)


class Whole(nn.Module):
    """A normalization as one operation: (B, C, F, T) -> same shape."""

    def __init__(
        self, parts: tuple[Tensor, Tensor, Tensor], *, over: tuple[str, ...], trained: tuple[str, ...], epsilon: float
    ) -> None:
        """`parts` are share, gain and bias, each of 1 or C numbers."""
        super().__init__()
        for name, part in zip(("share", "gain", "bias"), parts, strict=True):
            self.register_buffer(name, part.detach().float().flatten())
        self.over, self.trained, self.epsilon = " ".join(over), " ".join(trained), epsilon

    def forward(self, x: Tensor) -> Tensor:
        return _standardization(
            x, self.share, self.gain, self.bias, over=self.over, trained=self.trained, epsilon=self.epsilon
        )


def keep_whole(network: nn.Module) -> None:
    """Make one operation of every residual normalization of a network that is to be exported, in place."""
    for name, layer in list(network.named_modules()):
        if isinstance(layer, ResidualNorm):
            parts = (torch.tensor(layer.weight), torch.ones(1), torch.zeros(1))
            trained: tuple[str, ...] = ()
        elif isinstance(layer, AdaptiveResidualNorm):
            parts = (layer.gamma * layer.rho, layer.gamma * (1 - layer.rho), layer.beta)
            trained = ("share", "gain", "bias")
        else:
            continue
        whole = Whole(parts, over=(CHANNEL, TIME), trained=trained, epsilon=INSTANCE_EPSILON)
        network.set_submodule(name, whole)


def standardization(lowering: Lowering, node: Node) -> str:
    given: tuple[Any, ...] = node.args
    source, *parts = given
    over, trained = (tuple(str(node.kwargs[key]).split()) for key in ("over", "trained"))
    epsilon: Any = node.kwargs["epsilon"]
    variance = f"{node.name}/variance"
    arrays = [lowering.tensors[part.name].numpy() for part in parts]
    operation = Standardization(
        lowering.name_of[source], node.name, variance, over, *arrays, trained=trained, epsilon=epsilon, integers=None
    )
    name = lowering.emit(node, operation)
    lengths = dict(zip((CHANNEL, FREQUENCY, TIME), lowering.values[name].shape, strict=True))
    shape = tuple(1 if axis in over else length for axis, length in lengths.items())
    lowering.values[variance] = Value(variance, shape)
    return name
