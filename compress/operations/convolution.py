"""Convolution: dense, in groups or depthwise, and an average pooling written as one.

    y = clamp(round_half_even(float32(sum(w * (x - z_x)) + b) * float32(s_x * s_w / s_y)) + z_y)

as in XNNPACK's `qs8_qc8w` kernels and ONNX Runtime's QLinearConv (Jacob et al. 2018, arXiv:1712.05877, with float32
requantization). With a 16-bit input or output it is computed as in `compress.operations.wide`.

Shapes: B batch, C channels, F mel bands, T frames, O output channels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from compress.operations.operation import Operation, Quantizations, Shapes
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
from compress.operations.wide import PART, any_wide, joined, rounded, split
from compress.quantization import INT8_MAX
from tinyasc.errors import UserError


@dataclass(frozen=True)
class Convolution(Operation):
    """2-D convolution with zero padding and an optional ReLU."""

    takes_wide: ClassVar[bool] = True

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
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)

    @property
    def depthwise(self) -> bool:
        """Whether each group is one input channel, for one output channel or more."""
        return self.groups > 1 and self.weight.shape[1] == 1

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
        given, output = quantizations[self.input], quantizations[self.output]
        scale = weight_scale(self.weight, self.bias, given.bias_step, self.weight_step, self.shared_step)
        weight = quantize_weight(self.weight, scale)
        bias = quantize_bias(self.bias, scale, given.bias_step)
        if largest_sum(weight, bias) >= EXACT_FLOAT32:
            raise UserError(f"{self.output} sums more than 2^24, which training in float32 would not hold exactly")
        return replace(self, weight=weight, bias=bias, weight_scale=filed_scale(scale, given, output), weight_step=None)

    def simulate(self, inputs: Sequence[NDArray[np.int8]], quantizations: Quantizations) -> NDArray[Any]:
        if self.weight_scale is None:
            raise ValueError(f"{self.output} is not quantized: an INT8 program is needed")
        given, output = quantizations[self.input], quantizations[self.output]
        centred = inputs[0].astype(np.float32) - given.zero_point
        factor = multiplier(self.weight_scale, given, output)
        if not any_wide(given, output):
            return self._accumulate(centred, self.bias).astype(np.float32) * factor
        if given.wide:
            high, low = split(centred)
            total = joined(self._accumulate(high, self.bias), self._accumulate(low))
        else:
            total = self._accumulate(centred, self.bias)
        return rounded(total.astype(np.float32) * factor)

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
        if given.wide:
            with torch.no_grad():
                high, low = split(inputs[0])
                exact = joined(self._convolve(high, integers, offset), self._convolve(low, integers))
            total = Stand.apply(exact, self._convolve(inputs[0], integers, PART * offset))
        else:
            total = self._convolve(inputs[0], integers, offset)
        real = total * multiplier_O[:, None, None]
        return Stand.apply(rounded(real.detach()), real) if any_wide(given, output) else real

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return functional.conv2d(x, weight, bias, self.stride, self.padding, self.dilation, self.groups)

    def _accumulate(self, centred: NDArray[np.float32], bias: NDArray[np.int32] | None = None) -> NDArray[Any]:
        """Exact sums w * (x - z_x) + b: (B, F, T, C) -> (B, F', T', O).

        They are taken in float32 where every partial sum is below 2^24, which float32 holds exactly, else in float64.
        """
        weight = self.weight
        dtype = np.float32 if largest_sum(weight, self.bias) < EXACT_FLOAT32 else np.float64
        (pad_f, pad_t), (step_f, step_t), (wide_f, wide_t) = self.padding, self.stride, self.dilation
        padded = np.pad(centred, ((0, 0), (pad_f, pad_f), (pad_t, pad_t), (0, 0))).astype(dtype, copy=False)
        frequencies = (padded.shape[1] - wide_f * (weight.shape[2] - 1) - 1) // step_f + 1
        frames = (padded.shape[2] - wide_t * (weight.shape[3] - 1) - 1) // step_t + 1
        total = np.zeros((len(padded), frequencies, frames, len(weight)), dtype)
        for i in range(weight.shape[2]):
            for j in range(weight.shape[3]):
                rows = slice(i * wide_f, i * wide_f + frequencies * step_f, step_f)
                columns = slice(j * wide_t, j * wide_t + frames * step_t, step_t)
                total += self._tap(padded[:, rows, columns], weight[:, :, i, j].astype(dtype))
        return total if bias is None else total + bias.astype(dtype)

    def _tap(self, window: NDArray[np.floating], weight: NDArray[np.floating]) -> NDArray[np.floating]:
        """The products with the weights (O, C / groups) of one place in the kernel: (B, F, T, C) -> (B, F, T, O)."""
        if self.depthwise:
            return np.repeat(window, len(weight) // self.groups, axis=3) * weight[:, 0]
        parts = zip(np.split(window, self.groups, axis=3), np.split(weight, self.groups), strict=True)
        return np.concatenate([part @ tap.T for part, tap in parts], axis=3)
