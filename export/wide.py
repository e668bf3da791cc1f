"""What reads or gives 16-bit values, in float32 operators over integers, written once for both formats.

The formulas are those of `compress.operations.wide`. Every function takes integers minus their zero points and returns
such integers, not yet clamped.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.arithmetic.arithmetic import Tensor
from compress.arithmetic.axes import Axes
from compress.operations.addition import Addition
from compress.operations.convolution import Convolution
from compress.operations.mean import Mean
from compress.operations.operation import Operation
from compress.operations.weights import multiplier
from compress.operations.wide import PART, any_wide
from compress.program import Program, quantization
from compress.quantization import Quantization
from export.writer import Writer

Compute = Callable[[Writer, Any, Sequence[Tensor], Program, Axes], Tensor]


def has_wide(program: Program, operation: Operation) -> bool:
    """Whether an operation reads or gives a 16-bit value."""
    names = (*operation.inputs, operation.output)
    return program.quantized and any_wide(*(quantization(program, name) for name in names))


def convolution(do: Writer, operation: Convolution, inputs: Sequence[Tensor], program: Program, axes: Axes) -> Tensor:
    """One convolution of an int8 input, one of each part of a wide input."""
    (x,), scale = inputs, operation.weight_scale
    assert scale is not None
    given, output = (quantization(program, name) for name in (operation.input, operation.output))

    def convolve(source: Tensor, bias: NDArray[np.int32] | None) -> Tensor:
        return do.convolve(
            source,
            operation.weight,
            bias,
            stride=operation.stride,
            padding=operation.padding,
            dilation=operation.dilation,
            groups=operation.groups,
        )

    if given.wide:
        high, low = _split(do, x)
        total = _joined(do, convolve(high, operation.bias), convolve(low, None))
    else:
        total = convolve(x, operation.bias)
    shape = [1] * len(total.shape)
    shape[axes.channel] = -1
    return _rounded(do, do.multiply(total, do.constant(multiplier(scale, given, output).reshape(shape))))


def addition(do: Writer, operation: Addition, inputs: Sequence[Tensor], program: Program, axes: Axes) -> Tensor:
    """Each input in steps of the output, and their sum."""
    ratios = operation.wide_ratios(program.quantizations)
    first, second = (do.times(x, ratio) for x, ratio in zip(inputs, ratios, strict=True))
    return _rounded(do, do.add(first, second))


def mean(do: Writer, operation: Mean, inputs: Sequence[Tensor], program: Program, axes: Axes) -> Tensor:
    """Of each part; the axes stay, or of the map its channels alone."""
    (x,) = inputs
    averaged = [(axes.frequency, axes.time)[axis - 1] for axis in operation.axes]
    high, low = (do.sum(part, *averaged) for part in _split(do, x))
    ratio = operation.wide_ratio(program.quantizations, operation.positions(program.shapes))
    result = _rounded(do, do.times(_joined(do, high, low), ratio))
    return result if operation.keep else do.reshape(result, (1, x.shape[axes.channel]))


COMPUTE: dict[type[Operation], Compute] = {Convolution: convolution, Addition: addition, Mean: mean}


def clamped(do: Writer, integers: Tensor, found: Quantization, relu: bool) -> Tensor:
    """Within what 16 bits hold; at least 0 behind a ReLU."""
    lowest = 0 if relu else found.lowest - found.zero_point
    below = do.minimum(integers, do.number(found.highest - found.zero_point))
    return do.maximum(below, do.number(lowest)) if lowest else do.relu(below)


def scaled(do: Writer, integers: Tensor, found: Quantization) -> Tensor:
    """What is quantized to these integers."""
    return do.times(integers, found.scale)


def unscaled(do: Writer, real: Tensor, found: Quantization) -> Tensor:
    """The integers of what was dequantized."""
    return _rounded(do, do.times(real, 1 / found.scale))


def _split(do: Writer, x: Tensor) -> tuple[Tensor, Tensor]:
    high = do.floor(do.times(x, 1 / PART))
    return high, do.subtract(x, do.times(high, PART))


def _joined(do: Writer, high: Tensor, low: Tensor) -> Tensor:
    return do.add(do.times(high, PART), low)


def _rounded(do: Writer, real: Tensor) -> Tensor:
    return do.floor(do.plus(real, 0.5))
