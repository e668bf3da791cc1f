"""Sub-spectral norm of several bands: its convolution taken apart into one for each band, with the norm in its weights.

No sum is rounded that was not before, and as much is multiplied; the weights of the convolution are there once a band.
One band is a plain batch norm, which the network spells as such.

Shapes: B batch, C channels, F frequency rows, T frames, S bands.
"""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Node

from compress.lowering.graph import Lowering, leaf, lowers
from compress.operations.concatenation import Concatenation
from compress.operations.convolution import Convolution
from compress.operations.operation import Value
from compress.operations.padding import Padding
from compress.operations.slicing import Slicing
from tinyasc.errors import UserError
from tinyasc.models.layers.norms import SubSpectralNorm

FREQUENCY = 1
"""Of (C, F, T)."""


@torch.library.custom_op("tinyasc::sub_spectral_norm", mutates_args=())
def _sub_spectral_norm(x: Tensor, factor: Tensor, shift: Tensor) -> Tensor:
    """Only its shape is asked for; the network computes its norms itself."""
    raise NotImplementedError


@_sub_spectral_norm.register_fake
def _(x: Tensor, factor: Tensor, shift: Tensor) -> Tensor:
    return torch.empty_like(x)


class _Whole(nn.Module):
    """(B, C, F, T) -> same shape."""

    def __init__(self, norm: SubSpectralNorm) -> None:
        super().__init__()
        plain = norm.norm
        assert plain.running_mean is not None
        assert plain.running_var is not None
        factor = plain.weight.detach() / (plain.running_var + plain.eps).sqrt()
        shift = plain.bias.detach() - plain.running_mean * factor
        self.register_buffer("factor", factor.reshape(-1, norm.bands))  # (C, S)
        self.register_buffer("shift", shift.reshape(-1, norm.bands))

    def forward(self, x: Tensor) -> Tensor:
        return _sub_spectral_norm(x, self.factor, self.shift)


@leaf("tinyasc.sub_spectral_norm.default")
def _keep_whole(network: nn.Module) -> None:
    """Make one operation of every sub-spectral norm of a network that is to be exported, in place."""
    for name, layer in list(network.named_modules()):
        if isinstance(layer, SubSpectralNorm):
            network.set_submodule(name, _Whole(layer))


@lowers("tinyasc.sub_spectral_norm.default")
def _lower(lowering: Lowering, node: Node) -> str:
    """Padded once, then for each band the rows that it sees, its own convolution, and all of them joined."""
    given: tuple[Any, ...] = node.args
    source, *parts = given
    factor, shift = (lowering.tensors[part.name].numpy() for part in parts)
    whole = lowering.last(source, Convolution, "sub-spectral norm")
    if whole.relu or not whole.trainable:
        raise UserError(f"{node.name} is a norm behind a ReLU or a pooling: the INT8 program cannot fold it")
    lowering.operations.pop()
    shape, bands = lowering.values.pop(whole.output).shape, factor.shape[1]
    rows, (pad, pad_t), stride = shape[1] // bands, whole.padding, whole.stride[0]
    seen = (rows - 1) * stride + (whole.weight.shape[2] - 1) * whole.dilation[0] + 1
    channels, given_rows, frames = lowering.values[whole.input].shape

    def add(operation: Padding | Slicing | Convolution, made: tuple[int, ...]) -> str:
        lowering.values[operation.output] = Value(operation.output, made)
        lowering.operations.append(operation)
        return operation.output

    name = whole.input
    if pad:
        name = add(Padding(name, f"{node.name}/padded", pad), (channels, given_rows + 2 * pad, frames))
    joined = []
    for band in range(bands):
        part = Slicing(name, f"{node.name}/rows{band}", FREQUENCY, band * rows * stride, seen)
        own = replace(
            whole,
            input=add(part, (channels, seen, frames)),
            output=f"{node.name}/band{band}",
            weight=whole.weight * factor[:, band, None, None, None],
            bias=whole.bias * factor[:, band] + shift[:, band],
            padding=(0, pad_t),
        )
        joined.append(add(own, (shape[0], rows, shape[2])))
    return lowering.emit(node, Concatenation(tuple(joined), node.name, FREQUENCY))
