"""A trained torch network to a float program: the exported ATen graph, with batch norm folded into the convolutions.

Shapes: B batch, C channels, F mel bands, T frames, K classes.
"""

import torch
from torch import nn
from torch.export import export

from compress.lowering import response_norm, standardization, sub_spectral_norm, transformer
from compress.lowering.channel_shuffle import reshape
from compress.lowering.convolution import average_pool, batch_norm, convolution, linear
from compress.lowering.elementwise import addition, average_of_all, mean, nothing, relu, sigmoid, silu
from compress.lowering.graph import Lowering, Rule
from compress.lowering.movement import chunk, concatenation, max_pooling, part, transposition
from compress.program import Program
from tinyasc.models.layers.frequency_damping import fold_damping

RULES: dict[str, Rule] = {
    "aten.conv2d.default": convolution,
    "aten.batch_norm.default": batch_norm,
    "aten.relu.default": relu,
    "aten.relu_.default": relu,
    "aten.add.Tensor": addition,
    "aten.add_.Tensor": addition,
    "aten.avg_pool2d.default": average_pool,
    "aten.mean.dim": mean,
    "aten.adaptive_avg_pool2d.default": average_of_all,
    "aten.linear.default": linear,
    "aten.max_pool2d.default": max_pooling,
    "aten.transpose.int": transposition,
    "aten.reshape.default": reshape,
    "aten.view.default": reshape,
    "aten.chunk.default": chunk,
    "<built-in function getitem>": part,
    "aten.cat.default": concatenation,
    "aten.dropout.default": nothing,
    "aten.feature_dropout.default": nothing,
    "aten.flatten.using_ints": nothing,
    "aten.silu.default": silu,
    "aten.silu_.default": silu,
    "aten.sigmoid.default": sigmoid,
    "tinyasc.response_norm.default": response_norm.response_norm,
    "tinyasc.standardization.default": standardization.standardization,
    "tinyasc.sub_spectral_norm.default": sub_spectral_norm.sub_spectral_norm,
    "tinyasc.attention.default": transformer.attention,
}


def lower(model: nn.Module, shape: tuple[int, int, int]) -> Program:
    """The float program of a network in evaluation mode.

    Batch norm is folded into the convolution before it (Jacob et al. 2018, section 3.2), ReLU into the operation before
    it, frequency damping into the weights, a residual addition into the response norm behind it, and a padded average
    pooling becomes the depthwise convolution that it is.

    Args:
        model: maps (B, C, F, T) to (B, K).
        shape: (C, F, T) of one input.

    Raises:
        UserError: the network has an operation that the INT8 program does not have.
    """
    model = fold_damping(model).eval().cpu()
    for replace in (
        response_norm.keep_whole,
        standardization.keep_whole,
        sub_spectral_norm.keep_whole,
        transformer.on_maps,
    ):
        replace(model)
    return Lowering(export(model, (torch.zeros(1, *shape),)), shape).program(RULES)
