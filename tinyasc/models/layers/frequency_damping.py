"""Frequency damping: the weights of a convolution fade along frequency, from the middle of the kernel to its edges.

A network sees less of the frequency axis that way, which keeps it from memorizing devices and places, and has no weight
and no operation more. Trained with the fixed mask, it is folded before export: the mask goes into the weights.
Source: Koutini et al., "Low-complexity models for acoustic scene classification based on receptive field
regularization and frequency damping", 2020.
Shapes: B clips, C channels, F frequency rows, T frames.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn


def damping_mask(rows: int, minimum: float) -> Tensor:
    """1 in the middle, falling in a straight line to `minimum` at the edges: (rows, 1); all 1 for fewer than 3 rows."""
    middle = (rows - 1) / 2
    if middle < 1:
        return torch.ones(rows, 1)
    distance = (torch.arange(rows) - middle).abs() / middle
    return (1 - (1 - minimum) * distance)[:, None]


class DampedConv2d(nn.Conv2d):
    """(B, C, F, T) -> the same as the convolution it is made from, with damped weights.

    The mask is not part of the state dict, whose weights are those before the mask.
    """

    def __init__(self, plain: nn.Conv2d, minimum: float) -> None:
        super().__init__(**_settings(plain))
        self.weight, self.bias = plain.weight, plain.bias
        self.mask: Tensor
        self.register_buffer("mask", damping_mask(plain.kernel_size[0], minimum), persistent=False)

    def damped_weight(self) -> Tensor:
        return self.weight * self.mask

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.damped_weight(), self.bias)


def damp(network: nn.Module, minimum: float) -> None:
    """Damp every convolution of a network whose kernel has 3 or more rows, in place; `minimum` is the weight left."""
    for name, layer in list(network.named_modules()):
        if isinstance(layer, nn.Conv2d) and layer.kernel_size[0] >= 3:
            network.set_submodule(name, DampedConv2d(layer, minimum))


def fold_damping(network: nn.Module) -> nn.Module:
    """A plain network with the same outputs: the masks multiplied into the weights of a copy.

    Its state dict fits the same architecture without damping.
    """
    folded = copy.deepcopy(network)
    for name, layer in list(folded.named_modules()):
        if isinstance(layer, DampedConv2d):
            plain = nn.Conv2d(**_settings(layer))
            plain.weight, plain.bias = nn.Parameter(layer.damped_weight().detach()), layer.bias
            folded.set_submodule(name, plain)
    return folded


def _settings(layer: nn.Conv2d) -> dict[str, Any]:
    names = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "padding_mode")
    return {name: getattr(layer, name) for name in names} | {"bias": layer.bias is not None}
