"""The transformer on patches of a map, said in operations on maps: layer norms over channels, 1x1 convolutions, and
attention that looks for its patches itself. Nothing is cut into patches and laid out again.

Shapes: B batch, C channels, F mel bands, T frames.
"""

import torch
from torch import Tensor, nn

from compress.lowering.graph import leaf
from compress.operations.standardization import CHANNEL, Whole
from tinyasc.models.layers import transformer
from tinyasc.models.layers.transformer import PatchTransformer, TransformerBlock


@torch.library.custom_op("tinyasc::attention", mutates_args=())
def _attention(queries: Tensor, keys: Tensor, values: Tensor, heads: int) -> Tensor:
    """Only its shape is asked for; the network attends itself."""
    raise NotImplementedError


@_attention.register_fake
def _(queries: Tensor, keys: Tensor, values: Tensor, heads: int) -> Tensor:
    return torch.empty_like(queries)


class _Attention(nn.Module):
    """(B, C, F, T) -> same shape."""

    def __init__(self, attention: transformer.Attention) -> None:
        super().__init__()
        joint = attention.queries_keys_values
        biases = (None,) * 3 if joint.bias is None else joint.bias.chunk(3)
        parts = zip(joint.weight.chunk(3), biases, strict=True)
        self.queries, self.keys, self.values = (_pointwise(weight, bias) for weight, bias in parts)
        self.projection = _pointwise(attention.projection.weight, attention.projection.bias)
        self.heads = attention.heads

    def forward(self, x: Tensor) -> Tensor:
        return self.projection(_attention(self.queries(x), self.keys(x), self.values(x), self.heads))


class _Block(nn.Module):
    """(B, C, F, T) -> same shape."""

    def __init__(self, block: TransformerBlock) -> None:
        super().__init__()
        norm, attention = block.attention
        assert isinstance(attention, transformer.Attention)
        self.attention = nn.Sequential(_layer_norm(norm), _Attention(attention))
        norm, first, activation, second = block.mlp
        layers = [_pointwise(layer.weight, layer.bias) for layer in (first, second) if isinstance(layer, nn.Linear)]
        self.mlp = nn.Sequential(_layer_norm(norm), layers[0], activation, layers[1])

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(x)
        return x + self.mlp(x)


@leaf("tinyasc.attention.default")
def _on_maps(network: nn.Module) -> None:
    """Replace every transformer on patches of a network that is to be exported, in place."""
    for name, layer in list(network.named_modules()):
        if isinstance(layer, PatchTransformer):
            blocks = [_Block(block) for block in layer.blocks if isinstance(block, TransformerBlock)]
            norm = [_layer_norm(layer.norm)] if isinstance(layer.norm, nn.LayerNorm) else []
            network.set_submodule(name, nn.Sequential(*blocks, *norm))


def _layer_norm(norm: nn.Module) -> Whole:
    assert isinstance(norm, nn.LayerNorm)
    parts = (torch.zeros(1), norm.weight, norm.bias)
    return Whole(parts, over=(CHANNEL,), trained=("gain", "bias"), epsilon=norm.eps)


def _pointwise(weight: Tensor, bias: Tensor | None) -> nn.Conv2d:
    """A linear layer (outputs, C) on the channels of a map."""
    layer = nn.Conv2d(weight.shape[1], weight.shape[0], 1, bias=bias is not None)
    layer.weight = nn.Parameter(weight.detach()[:, :, None, None])
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach())
    return layer
