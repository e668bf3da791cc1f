"""The INT8 program as a network that trains: its forward pass is the integer arithmetic, its backward pass sees
through it.

Activations are carried as integers minus their zero point, held in float32, which is exact below 2^24. In evaluation
mode the logits equal the integer simulator's to the last bit, so training, simulator and files compute the same
numbers. Rounding has the gradient of the identity (Bengio et al. 2013, arXiv:1308.3432), clamping has none outside
its range.

Shapes: B batch, C channels, F mel bands, T frames, K classes, O output channels.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from compress.program import INT8_MAX, INT8_MIN, Addition, Convolution, Program, Quantization, multiplier
from compress.quantize import quantize
from compress.scheme import BIAS_LIMIT, Range, assign, bias_grid, weight_scale


class QuantizedNetwork(nn.Module):
    """A float program under quantization: (B, C, F, T) log-mel -> (B, K) logits."""

    def __init__(self, program: Program, ranges: dict[str, Range], momentum: float) -> None:
        """Start from a float program and the ranges of its activations.

        Args:
            program: a float program; its weights and biases become the parameters.
            ranges: of every value (`observe`).
            momentum: share of a batch's range in the moving average, while `observing`.
        """
        super().__init__()
        self.program = program
        self.momentum = momentum
        self.observing = True
        for index, operation in enumerate(program.operations):
            if isinstance(operation, Convolution):
                for part in ("weight", "bias"):
                    value = torch.from_numpy(getattr(operation, part).copy())
                    if operation.trainable:
                        self.register_parameter(f"{part}_{index}", nn.Parameter(value))
                    else:
                        self.register_buffer(f"{part}_{index}", value)
        self._rows = {name: row for row, name in enumerate(program.values)}
        ends = [(ranges[name].low, ranges[name].high) for name in program.values]
        self.ranges: Tensor
        self.register_buffer("ranges", torch.tensor(ends, dtype=torch.float64))  # (values, 2)

    def forward(self, log_mel: Tensor) -> Tensor:
        quantizations = self._quantizations()
        found = quantizations[self.program.input]
        self._observe(self.program.input, log_mel, 1.0)
        values = {self.program.input: _to_int8(log_mel / log_mel.new_tensor(found.scale), found, relu=False)}
        for index, operation in enumerate(self.program.operations):
            output = quantizations[operation.output]
            inputs = [(values[name], quantizations[name]) for name in operation.inputs]
            if isinstance(operation, Convolution):
                real = self._convolve(index, operation, *inputs[0], output)
            elif isinstance(operation, Addition):
                # tie-free scales: float32 rounds these sums like exact arithmetic (`scheme`)
                real = sum((value * (given.scale / output.scale) for value, given in inputs), start=torch.zeros(()))
            else:
                ((value, given),) = inputs
                real = value.sum((2, 3)) * (given.scale / (output.scale * value.shape[2] * value.shape[3]))
            relu = isinstance(operation, Convolution | Addition) and operation.relu
            self._observe(operation.output, real, output.scale, relu)
            values[operation.output] = _to_int8(real, output, relu)
        return values[self.program.output] * quantizations[self.program.output].scale

    def to_float_program(self) -> Program:
        """The float program with the present weights."""
        operations = tuple(
            replace(operation, weight=self._array("weight", index), bias=self._array("bias", index))
            if isinstance(operation, Convolution)
            else operation
            for index, operation in enumerate(self.program.operations)
        )
        return replace(self.program, operations=operations)

    def to_program(self) -> Program:
        """The INT8 program that the forward pass computes."""
        return quantize(self.to_float_program(), self._quantizations())

    def _convolve(
        self, index: int, operation: Convolution, value: Tensor, given: Quantization, output: Quantization
    ) -> Tensor:
        weight, bias = self._part("weight", index), self._part("bias", index)
        scale = weight_scale(self._array("weight", index), self._array("bias", index), given.scale)
        arrays = (scale, multiplier(given.scale, scale, output.scale), bias_grid(scale, given.scale))
        scale_O, multiplier_O, grid_O = (torch.from_numpy(array).to(weight.device) for array in arrays)
        integers = _Round.apply(weight / scale_O[:, None, None, None]).clamp(-INT8_MAX, INT8_MAX)
        offset = _Round.apply(bias / grid_O).clamp(-BIAS_LIMIT, BIAS_LIMIT).float()
        total = F.conv2d(value, integers, offset, operation.stride, operation.padding, 1, operation.groups)
        return total * multiplier_O[:, None, None]

    def _part(self, part: str, index: int) -> Tensor:
        return getattr(self, f"{part}_{index}")

    def _array(self, part: str, index: int) -> NDArray[np.float32]:
        return np.ascontiguousarray(self._part(part, index).detach().cpu().numpy())

    def _quantizations(self) -> dict[str, Quantization]:
        ends = self.ranges.tolist()
        return assign(self.program, {name: Range(*ends[row]) for name, row in self._rows.items()})

    def _observe(self, name: str, real: Tensor, scale: float, relu: bool = False) -> None:
        """Move the range of a value towards this batch's; `real` is in units of `scale`."""
        if not (self.training and self.observing):
            return
        seen = real.detach()
        seen = seen.permute(0, 2, 3, 1) if seen.dim() == 4 else seen  # channels last is contiguous: no copy
        ends = torch.stack(seen.aminmax()).to(self.ranges) * scale
        self.ranges[self._rows[name]].lerp_(ends.clamp(min=0) if relu else ends, self.momentum)


class _Round(torch.autograd.Function):
    """Round half to even, with the gradient of the identity."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        return value.round()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


def _to_int8(real: Tensor, found: Quantization, relu: bool) -> Tensor:
    """Real units of a scale to an int8 minus its zero point, as float32."""
    lowest = max(INT8_MIN, found.zero_point) if relu else INT8_MIN
    # clamped first: the ends are integers, so the order does not matter, and hardtanh has the cheapest gradient
    return _Round.apply(F.hardtanh(real, lowest - found.zero_point, INT8_MAX - found.zero_point))
