"""How real numbers become integers: pure functions from ranges to scales and zero points.

Weights are symmetric int8 per output channel, activations affine int8 per tensor, biases int32 on the grid s_x * s_w.
Where two inputs meet, in an addition or a mean, a runtime may compute in 20-bit fixed point (XNNPACK) or in float32
(ONNX Runtime), and the two break ties differently. The ratios of the scales there are therefore fractions with an odd
denominator: a sum of such fractions is never half an integer, so no tie exists and every runtime rounds alike.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compress.program import INT8_MAX, INT8_MIN, Addition, Mean, Program, Quantization
from tinyasc.errors import UserError

# ADD: distance from a tie is 1 / (2 * 127) = 3.9e-3; XNNPACK's fixed point errs by 2.4e-4 per unit of the larger ratio.
ADDITION_DENOMINATOR = 127
# MEAN: distance from a tie is 1 / (2 * 2047) = 2.4e-4; float32 requantization of an int8 result errs by 5e-5 at most.
MEAN_DENOMINATOR = 2047
# |sum(w x)| + |b| stays below 2^24, so that float32 holds every accumulator exactly.
BIAS_LIMIT = 2**22
EXACT_FLOAT32 = 2**24


@dataclass(frozen=True)
class Range:
    """Smallest and largest real value of an activation."""

    low: float
    high: float


def activation(found: Range) -> Quantization:
    """Affine int8 quantization of a range, widened so that it holds 0.0 exactly."""
    low, high = min(found.low, 0.0), max(found.high, 0.0)
    scale = float(np.float32(max(high - low, 1e-6) / (INT8_MAX - INT8_MIN)))
    zero_point = int(np.clip(np.rint(INT8_MIN - low / scale), INT8_MIN, INT8_MAX))
    return Quantization(scale, zero_point)


def weight_scale(weight: NDArray[np.float32], bias: NDArray[np.float32], input_scale: float) -> NDArray[np.float32]:
    """Scale of each output channel, (O,): the largest weight becomes 127 and the bias fits `BIAS_LIMIT`.

    Args:
        weight: (O, C / groups, kernel F, kernel T).
        bias: (O,).
        input_scale: scale of the convolution's input.
    """
    largest = np.abs(weight).reshape(len(weight), -1).max(axis=1) / np.float32(INT8_MAX)
    for_bias = np.abs(bias) / np.float32(input_scale * BIAS_LIMIT)
    return np.maximum(np.maximum(largest, for_bias), np.float32(1e-12)).astype(np.float32)


def bias_grid(weight_scale: NDArray[np.float32], input_scale: float) -> NDArray[np.float64]:
    """Step of each bias, (O,): a bias in these steps adds to the accumulator without rounding."""
    return np.float64(input_scale) * weight_scale.astype(np.float64)


def largest_sum(weight: NDArray[np.int8], bias: NDArray[np.int32]) -> int:
    """The largest |sum(w (x - z))| + |b| that a convolution of these integers can meet, over all its outputs."""
    sums = np.abs(weight.astype(np.int64)).reshape(len(weight), -1).sum(axis=1) * (INT8_MAX - INT8_MIN)
    return int((sums + np.abs(bias.astype(np.int64))).max())


def assign(program: Program, ranges: dict[str, Range]) -> dict[str, Quantization]:
    """A quantization for every value of a program, tie-free where two integers meet.

    Values are settled in running order. An addition keeps its first settled input, widens its output to the next
    tie-free ratio, and moves its other input; a mean widens its output.

    Args:
        program: the operations (their weights are not looked at).
        ranges: of every value, by name.

    Raises:
        UserError: both inputs of an addition are bound by earlier ones, or one is over 127 times smaller than the sum.
    """
    settled = {name: activation(found) for name, found in ranges.items()}
    bound = {program.input}  # values whose scale another operation relies on already
    for operation in program.operations:
        if isinstance(operation, Addition):
            _settle_addition(operation, settled, bound)
        elif isinstance(operation, Mean):
            positions = int(np.prod(program.values[operation.input].shape[1:]))
            _settle_mean(operation, positions, settled)
            bound |= {operation.input, operation.output}
    return settled


def addition_ratios(addition: Addition, quantizations: dict[str, Quantization]) -> tuple[float, float]:
    """s_a / s_y and s_b / s_y of an addition."""
    output = quantizations[addition.output].scale
    first, second = (quantizations[name].scale / output for name in addition.inputs)
    return first, second


def addition_distance(first: float, second: float) -> float:
    """Smallest distance of first * a + second * b from k + 1/2, over all differences a and b of two int8."""
    differences = np.arange(INT8_MIN - INT8_MAX, INT8_MAX - INT8_MIN + 1, dtype=np.float64)
    return _distance_from_tie(np.add.outer(first * differences, second * differences))


def mean_distance(ratio: float, positions: int) -> float:
    """Smallest distance of ratio * n from k + 1/2, over all sums n of `positions` differences of two int8.

    Args:
        ratio: s_x / (s_y * positions).
        positions: values in the mean.
    """
    reach = positions * (INT8_MAX - INT8_MIN)
    return _distance_from_tie(ratio * np.arange(-reach, reach + 1, dtype=np.float64))


def _distance_from_tie(sums: NDArray[np.float64]) -> float:
    return float(np.abs(sums - np.floor(sums) - 0.5).min())


def _settle_addition(addition: Addition, settled: dict[str, Quantization], bound: set[str]) -> None:
    fixed, moved = sorted(addition.inputs, key=lambda name: name not in bound)
    if moved in bound:
        raise UserError(f"{addition.output} adds two values that earlier additions bind: no scale is left to choose")
    ratio = settled[fixed].scale / settled[addition.output].scale
    numerator = int(np.floor(ADDITION_DENOMINATOR * ratio))
    if numerator < 1:
        raise UserError(
            f"{addition.output} adds {fixed}, which is {1 / ratio:.0f} times smaller: nothing of it is left"
        )
    settled[addition.output] = _rescaled(
        settled[addition.output], settled[fixed].scale * ADDITION_DENOMINATOR / numerator
    )
    output_scale = settled[addition.output].scale
    numerator = max(1, int(np.ceil(ADDITION_DENOMINATOR * settled[moved].scale / output_scale)))
    settled[moved] = _rescaled(settled[moved], output_scale * numerator / ADDITION_DENOMINATOR)
    bound |= {fixed, moved, addition.output}


def _settle_mean(mean: Mean, positions: int, settled: dict[str, Quantization]) -> None:
    ratio = settled[mean.input].scale / (settled[mean.output].scale * positions)
    numerator = max(1, int(np.floor(MEAN_DENOMINATOR * ratio)))
    scale = settled[mean.input].scale * MEAN_DENOMINATOR / (numerator * positions)
    settled[mean.output] = _rescaled(settled[mean.output], scale)


def _rescaled(old: Quantization, scale: float) -> Quantization:
    """The quantization with another scale, its range centred on the old one; a range from 0.0 still starts there."""
    low = old.scale * (INT8_MIN - old.zero_point)
    high = old.scale * (INT8_MAX - old.zero_point)
    scale = float(np.float32(scale))
    if low == 0:
        return Quantization(scale, INT8_MIN)
    zero_point = np.rint((INT8_MIN + INT8_MAX) / 2 - (low + high) / 2 / scale)
    return Quantization(scale, int(np.clip(zero_point, INT8_MIN, INT8_MAX)))
