"""What reads or gives 16-bit values, in float32 operators over integers, written once for both formats.

The formulas are those of `compress.operations.wide`. Every function takes integers minus their zero points and returns
such integers, not yet clamped.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.operations.addition import Addition
from compress.operations.convolution import Convolution
from compress.operations.mean import Mean
from compress.operations.operation import Operation
from compress.operations.weights import multiplier
from compress.operations.wide import PART, any_wide
from compress.program import Program, quantization
from compress.quantization import Quantization
from export.axes import Axes
from export.front_end.operations import Operations, Tensor

Compute = Callable[[Operations, Any, Sequence[Tensor], Program, Axes], Tensor]


def has_wide(program: Program, operation: Operation) -> bool:
    """Whether an operation reads or gives a 16-bit value."""
    names = (*operation.inputs, operation.output)
    return program.quantized and any_wide(*(quantization(program, name) for name in names))


def convolution(
    do: Operations, operation: Convolution, inputs: Sequence[Tensor], program: Program, axes: Axes
) -> Tensor:
    """One convolution of an int8 input, one of each part of a wide input."""
    (x,), scale = inputs, operation.weight_scale
    assert scale is not None
    given, output = (quantization(program, name) for name in (operation.input, operation.output))

    def convolve(source: Tensor, bias: NDArray[np.int32] | None) -> Tensor:
        stride, padding, groups = operation.stride, operation.padding, operation.groups
        return do.convolve(source, operation.weight, bias, stride=stride, padding=padding, groups=groups)

    if given.wide:
        high, low = _split(do, x)
        total = _joined(do, convolve(high, operation.bias), convolve(low, None))
    else:
        total = convolve(x, operation.bias)
    shape = [1] * len(total.shape)
    shape[axes.channel] = -1
    return _rounded(do, do.multiply(total, do.constant(multiplier(scale, given, output).reshape(shape))))


def addition(do: Operations, operation: Addition, inputs: Sequence[Tensor], program: Program, axes: Axes) -> Tensor:
    """Each input in steps of the output, and their sum."""
    ratios = operation.wide_ratios(program.quantizations)
    first, second = (_times(do, x, ratio) for x, ratio in zip(inputs, ratios, strict=True))
    return _rounded(do, do.add(first, second))


def mean(do: Operations, operation: Mean, inputs: Sequence[Tensor], program: Program, axes: Axes) -> Tensor:
    """(1, K)."""
    (x,) = inputs
    high, low = (do.sum(part, axes.frequency, axes.time) for part in _split(do, x))
    positions = x.shape[axes.frequency] * x.shape[axes.time]
    ratio = operation.wide_ratio(program.quantizations, positions)
    result = _rounded(do, _times(do, _joined(do, high, low), ratio))
    return do.reshape(result, (1, x.shape[axes.channel]))


COMPUTE: dict[type[Operation], Compute] = {Convolution: convolution, Addition: addition, Mean: mean}


def clamped(do: Operations, integers: Tensor, found: Quantization, relu: bool) -> Tensor:
    """Within what 16 bits hold; at least 0 behind a ReLU."""
    lowest = 0 if relu else found.lowest - found.zero_point
    below = do.minimum(integers, _number(do, found.highest - found.zero_point))
    return do.maximum(below, _number(do, lowest)) if lowest else do.relu(below)


def scaled(do: Operations, integers: Tensor, found: Quantization) -> Tensor:
    """What is quantized to these integers."""
    return _times(do, integers, found.scale)


def unscaled(do: Operations, real: Tensor, found: Quantization) -> Tensor:
    """The integers of what was dequantized."""
    return _rounded(do, _times(do, real, 1 / found.scale))


def _split(do: Operations, x: Tensor) -> tuple[Tensor, Tensor]:
    high = do.floor(_times(do, x, 1 / PART))
    return high, do.subtract(x, _times(do, high, PART))


def _joined(do: Operations, high: Tensor, low: Tensor) -> Tensor:
    return do.add(_times(do, high, PART), low)


def _rounded(do: Operations, real: Tensor) -> Tensor:
    return do.floor(do.add(real, _number(do, 0.5)))


def _times(do: Operations, x: Tensor, number: float) -> Tensor:
    return do.multiply(x, _number(do, number))


def _number(do: Operations, number: float) -> Tensor:
    return do.constant(np.array([number], np.float32))
