"""What is part of an operation before it, or of none: batch norm, ReLU, dropout, flattening."""

from dataclasses import replace
from typing import Any

import numpy as np
from torch.fx import Node

from compress.lowering.channels import Channels, ChannelWalk, each_channel
from compress.lowering.graph import Lowering, lowers
from compress.operations.addition import Addition
from compress.operations.convolution import Convolution
from compress.operations.response_norm import ResponseNorm
from tinyasc.errors import UserError


def _normed_channels(walk: ChannelWalk, node: Node) -> Channels:
    source, *tensors = node.args[:5]
    for tensor in tensors:
        walk.note(tensor, 0, walk.channels[source])  # type: ignore[index]
    return walk.channels[source]  # type: ignore[index]


@lowers("aten.batch_norm.default", channels=_normed_channels)
def _batch_norm(lowering: Lowering, node: Node) -> str:
    """Folded into the convolution before it (Jacob et al. 2018, section 3.2)."""
    given: tuple[Any, ...] = node.args
    source, weight, bias, mean, variance = given[:5]
    epsilon = given[7]
    before = lowering.last(source, Convolution, "batch norm")
    if before.relu or not before.trainable:
        raise UserError(f"{node.name} is a batch norm behind a ReLU or a pooling: the INT8 program cannot fold it")
    gamma, beta, mean, variance = (lowering.tensors[n.name].double().numpy() for n in (weight, bias, mean, variance))
    factor = gamma / np.sqrt(variance + epsilon)
    lowering.operations[-1] = replace(
        before,
        weight=(before.weight * factor[:, None, None, None]).astype(np.float32),
        bias=((before.bias - mean) * factor + beta).astype(np.float32),
    )
    return before.output


@lowers("aten.relu.default", "aten.relu_.default", channels=each_channel)
def _relu(lowering: Lowering, node: Node) -> str:
    """Part of the operation before it."""
    operation = lowering.last(node.args[0], (Convolution, Addition, ResponseNorm), "ReLU")
    lowering.operations[-1] = replace(operation, relu=True)
    return operation.output


@lowers("aten.flatten.using_ints")
@lowers("aten.dropout.default", "aten.feature_dropout.default", channels=each_channel)
def _identity(lowering: Lowering, node: Node) -> str:
    """Dropout, which evaluation is without, and the flattening of a map of one position."""
    given: tuple[Any, ...] = node.args
    name = lowering.name_of[given[0]]
    if len(node.meta["val"].shape) < 3 and lowering.values[name].shape[1:] != (1, 1):
        raise UserError(f"{node.name} makes a vector of a map: the INT8 program averages it first")
    return name
