"""Convolutions and linear layers, what is folded into them, and poolings that are convolutions.

Shapes: O output channels, C input channels.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from torch.fx import Node

from compress.lowering.graph import Lowering, arguments, pair
from compress.operations.convolution import Convolution
from tinyasc.errors import UserError


def convolution(lowering: Lowering, node: Node) -> str:
    source, weight, bias, stride, padding, dilation, groups = arguments(node, 7, (None, (1, 1), (0, 0), (1, 1), 1))
    kernel = lowering.tensors[weight.name].numpy()
    values = np.zeros(kernel.shape[0], np.float32) if bias is None else lowering.tensors[bias.name].numpy()
    name = lowering.name_of[source]
    places = (pair(stride), pair(padding), groups, False, True, pair(dilation))
    return lowering.emit(node, Convolution(name, node.name, kernel, values, None, *places))


def linear(lowering: Lowering, node: Node) -> str:
    """Of a vector, which is a map of one position: a 1x1 convolution."""
    source, weight, bias = arguments(node, 3, (None,))
    kernel = lowering.tensors[weight.name].numpy()[:, :, None, None]
    values = np.zeros(len(kernel), np.float32) if bias is None else lowering.tensors[bias.name].numpy()
    name = lowering.name_of[source]
    if lowering.values[name].shape[1:] != (1, 1):
        raise UserError(f"{node.name} is a linear layer of a map: the INT8 program has those of vectors")
    operation = Convolution(name, node.name, kernel, values, None, (1, 1), (0, 0), 1, False, True)
    return lowering.emit(node, operation)


def batch_norm(lowering: Lowering, node: Node) -> str:
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


def average_pool(lowering: Lowering, node: Node) -> str:
    """A padded average pooling is a depthwise convolution with equal weights."""
    source, kernel, stride, padding, ceil_mode, count_include_pad = arguments(node, 6, ((0, 0), False, True))
    if ceil_mode or not count_include_pad:
        raise UserError(f"{node.name} rounds up or leaves the padding out of the count: the INT8 program does not")
    name = lowering.name_of[source]
    channels, kernel = lowering.values[name].shape[0], pair(kernel)
    weight = np.full((channels, 1, *kernel), 1 / (kernel[0] * kernel[1]), np.float32)
    bias = np.zeros(channels, np.float32)
    operation = Convolution(
        name, node.name, weight, bias, None, pair(stride), pair(padding), channels, False, trainable=False
    )
    return lowering.emit(node, operation)
