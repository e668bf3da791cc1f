"""Convolution: dense, in groups or depthwise, and an average pooling written as one.

    y = clamp(round_half_even(float32(sum(w * (x - z_x)) + b) * float32(s_x * s_w / s_y)) + z_y)

as in XNNPACK's `qs8_qc8w` kernels and ONNX Runtime's QLinearConv (Jacob et al. 2018, arXiv:1712.05877, with float32
requantization). With a 16-bit input or output it is computed as in `compress.operations.wide`.

Shapes: B batch, C channels, F mel bands, T frames, O output channels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.fx import Node
from torch.nn import functional

from compress.arithmetic import arithmetic
from compress.arithmetic.arithmetic import Arithmetic, Axes, Geometry
from compress.arithmetic.in_numpy import NumpyArithmetic
from compress.lowering.channels import Channels, ChannelWalk, each_channel
from compress.lowering.graph import Lowering, arguments, lowers, pair
from compress.operations.operation import OneInput, Quantizations, Shapes
from compress.operations.straight_through import LearnedRound, Round, Stand
from compress.operations.weights import (
    BIAS_LIMIT,
    EXACT_FLOAT32,
    bias_grid,
    filed_scale,
    largest_sum,
    multiplier,
    quantize_bias,
    quantize_weight,
    weight_scale,
)
from compress.operations.wide import PART, TakesWide, joined, split
from compress.quantization import INT8_MAX, quantized_part
from tinyasc.errors import UserError


@dataclass(frozen=True)
class Convolution(OneInput, TakesWide, kind="convolution"):
    """2-D convolution with zero padding and an optional ReLU."""

    input: str
    output: str
    weight: NDArray[Any]
    """(O, C / groups, kernel F, kernel T); int8 or float32."""
    bias: NDArray[Any]
    """(O,); int32 on the grid s_x * s_w, or float32."""
    weight_scale: NDArray[np.float32] | None
    """(O,), as the files have it; None in a float program."""
    stride: tuple[int, int]
    padding: tuple[int, int]
    groups: int
    relu: bool
    trainable: bool
    """False for a pooling written as a convolution: its weights are a definition, not parameters."""
    dilation: tuple[int, int] = (1, 1)
    weight_step: NDArray[np.float32] | None = None
    """(O,), of a float program: real step that its weights are to have in INT8, those beyond 127 of them clamped. None:
    the largest weight is 127; none in an INT8 program, whose steps are its weight scales."""
    shared_step: bool = False
    """Whether all output channels have one step: the weight scale, and what follows from it, is then (1,)."""

    @property
    def depthwise(self) -> bool:
        """Whether each group is one input channel, for one output channel or more."""
        return self.geometry.depthwise(self.weight.shape)

    @property
    def geometry(self) -> Geometry:
        """Where its weights go."""
        return Geometry(self.stride, self.padding, self.dilation, self.groups)

    @property
    def parameters(self) -> dict[str, NDArray[Any]]:
        return {"weight": self.weight, "bias": self.bias} if self.trainable else {}

    @property
    def constants(self) -> dict[str, NDArray[Any]]:
        fixed = {} if self.trainable else {"weight": self.weight, "bias": self.bias}
        return fixed if self.weight_step is None else {**fixed, "weight_step": self.weight_step}

    def real_weight(self, quantizations: Quantizations) -> NDArray[np.floating]:
        if self.weight_scale is None:
            return self.weight
        unit = quantizations[self.output].unit / quantizations[self.input].unit
        return self.weight * (self.weight_scale * unit)[:, None, None, None]

    def with_parameters(self, parameters: Mapping[str, NDArray[np.float32]]) -> Self:
        return replace(self, **parameters)

    def run_float(self, inputs: Sequence[Tensor]) -> dict[str, Tensor]:
        weight, bias = (torch.from_numpy(array).to(inputs[0].device) for array in (self.weight, self.bias))
        result = functional.conv2d(inputs[0], weight, bias, self.stride, self.padding, self.dilation, self.groups)
        return {self.output: result.relu() if self.relu else result}

    def quantized(self, quantizations: Quantizations, shapes: Shapes) -> Self:
        found = self._on_grids(quantizations)
        if largest_sum(found.weight, found.bias) >= EXACT_FLOAT32:
            raise UserError(f"{self.output} sums more than 2^24, which training in float32 would not hold exactly")
        return found

    def _on_grids(self, quantizations: Quantizations) -> Self:
        given, output = quantizations[self.input], quantizations[self.output]
        scale = weight_scale(self.weight, self.bias, given.bias_step, self.weight_step, self.shared_step)
        weight = quantize_weight(self.weight, scale)
        bias = quantize_bias(self.bias, scale, given.bias_step)
        return replace(self, weight=weight, bias=bias, weight_scale=filed_scale(scale, given, output), weight_step=None)

    def simulate(self, inputs: Sequence[NDArray[np.int8]], quantizations: Quantizations) -> NDArray[Any]:
        scale = quantized_part(self.output, self.weight_scale)
        if self.any_wide(quantizations):
            return self.simulate_wide(inputs, quantizations)
        given, output = quantizations[self.input], quantizations[self.output]
        # float32 where every partial sum is below 2^24, which it holds exactly
        dtype = np.float32 if largest_sum(self.weight, self.bias) < EXACT_FLOAT32 else np.float64
        (x,) = arithmetic.tensors([inputs[0].astype(dtype) - given.zero_point])
        total = NumpyArithmetic().convolve(x, self.weight, self.bias, self.geometry).key
        return total.astype(np.float32) * multiplier(scale, given, output)

    def train(self, tensors: Mapping[str, Tensor], inputs: Sequence[Tensor], quantizations: Quantizations) -> Tensor:
        weight, bias = tensors["weight"], tensors["bias"]
        given, output = quantizations[self.input], quantizations[self.output]
        chosen = {name: np.ascontiguousarray(tensor.detach().cpu().numpy()) for name, tensor in tensors.items()}
        scale = weight_scale(
            chosen["weight"], chosen["bias"], given.bias_step, chosen.get("weight_step"), self.shared_step
        )
        factor = multiplier(filed_scale(scale, given, output), given, output)
        arrays = (scale, factor, bias_grid(scale, given.bias_step))
        scale_O, multiplier_O, grid_O = (torch.from_numpy(array).to(weight.device) for array in arrays)
        units, step = weight / scale_O[:, None, None, None], tensors.get("weight_step")
        if step is not None and step.requires_grad:
            count = weight.numel() // len(step)
            integers = LearnedRound.apply(units, step[:, None, None, None], (-INT8_MAX, INT8_MAX), count)
        else:
            integers = Round.apply(units).clamp(-INT8_MAX, INT8_MAX)
        offset = Round.apply(bias / grid_O).clamp(-BIAS_LIMIT, BIAS_LIMIT).float()
        offset = PART * offset if given.wide else offset
        placed = self.stride, self.padding, self.dilation, self.groups
        real = functional.conv2d(inputs[0], integers, offset, *placed) * multiplier_O[:, None, None]
        if self.any_wide(quantizations):
            present = replace(self, **chosen)._on_grids(quantizations)
            return Stand.apply(present.train_wide(inputs, quantizations), real)
        return real

    def wide_formula(
        self, do: Arithmetic, inputs: Sequence[arithmetic.Tensor], quantizations: Quantizations, axes: Axes
    ) -> arithmetic.Tensor:
        (x,), scale = inputs, self.weight_scale
        assert scale is not None
        given, output = quantizations[self.input], quantizations[self.output]
        if given.wide:
            high, low = split(do, x)
            high = do.convolve(high, self.weight, self.bias, self.geometry)
            total = joined(do, high, do.convolve(low, self.weight, None, self.geometry))
        else:
            total = do.convolve(x, self.weight, self.bias, self.geometry)
        factor = multiplier(scale, given, output)
        return do.rounded(do.multiply(total, do.constant(factor.reshape(axes.per_channel(factor.size)))))


def _new_channels(walk: ChannelWalk, node: Node) -> Channels:
    """Channels of its own, but those of its input in a depthwise convolution."""
    source, weight, bias, *_, groups = arguments(node, 7, (None, (1, 1), (0, 0), (1, 1), 1))
    inputs, outputs = walk.channels[source], weight.meta["val"].shape[0]
    if 1 < groups == len(inputs) == outputs:
        found = inputs
    else:
        found = walk.new(outputs)
        for channels in (inputs, found):
            by_group = channels.reshape(groups, -1)
            for others in by_group[1:]:
                walk.join(by_group[0], others)
        walk.note(weight, 1, inputs[: len(inputs) // groups])
    walk.note(weight, 0, found)
    walk.note(bias, 0, found)
    return found


def _new_features(walk: ChannelWalk, node: Node) -> Channels:
    source, weight, bias = arguments(node, 3, (None,))
    found = walk.new(weight.meta["val"].shape[0])
    walk.note(weight, 1, walk.channels[source])
    walk.note(weight, 0, found)
    walk.note(bias, 0, found)
    return found


@lowers("aten.conv2d.default", channels=_new_channels)
def _convolution(lowering: Lowering, node: Node) -> str:
    source, weight, bias, stride, padding, dilation, groups = arguments(node, 7, (None, (1, 1), (0, 0), (1, 1), 1))
    kernel = lowering.tensors[weight.name].numpy()
    values = np.zeros(kernel.shape[0], np.float32) if bias is None else lowering.tensors[bias.name].numpy()
    name = lowering.name_of[source]
    places = (pair(stride), pair(padding), groups, False, True, pair(dilation))
    return lowering.emit(node, Convolution(name, node.name, kernel, values, None, *places))


@lowers("aten.linear.default", channels=_new_features)
def _linear(lowering: Lowering, node: Node) -> str:
    """Of a vector, which is a map of one position: a 1x1 convolution."""
    source, weight, bias = arguments(node, 3, (None,))
    kernel = lowering.tensors[weight.name].numpy()[:, :, None, None]
    values = np.zeros(len(kernel), np.float32) if bias is None else lowering.tensors[bias.name].numpy()
    name = lowering.name_of[source]
    if lowering.values[name].shape[1:] != (1, 1):
        raise UserError(f"{node.name} is a linear layer of a map: the INT8 program has those of vectors")
    operation = Convolution(name, node.name, kernel, values, None, (1, 1), (0, 0), 1, False, True)
    return lowering.emit(node, operation)


@lowers("aten.avg_pool2d.default", channels=each_channel)
def _average_pool(lowering: Lowering, node: Node) -> str:
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
