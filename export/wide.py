"""What reads or gives a 16-bit value, in both formats: how the integers of `wide_formula` get there and on.

The integers are minus their zero points; the proofs are those of `compress.operations.wide`.
"""

from typing import TypeGuard

from compress.arithmetic.arithmetic import Arithmetic, Tensor
from compress.operations.operation import Operation
from compress.operations.wide import TakesWide
from compress.program import Program
from compress.quantization import Quantization


def has_wide(operation: Operation, program: Program) -> TypeGuard[TakesWide]:
    """Whether an operation reads or gives a 16-bit value."""
    return program.quantized and isinstance(operation, TakesWide) and operation.any_wide(program.quantizations)


def unscaled(do: Arithmetic, real: Tensor, found: Quantization) -> Tensor:
    """The integers of what was dequantized."""
    return do.rounded(do.times(real, 1 / found.scale))


def finished(do: Arithmetic, integers: Tensor, found: Quantization, relu: bool) -> Tensor:
    """A 16-bit value within what its bits hold, at least 0 behind a ReLU; of an 8-bit one what quantizes to it."""
    lowest = 0 if relu else found.lowest - found.zero_point
    if found.wide:
        below = do.minimum(integers, do.number(found.highest - found.zero_point))
        return do.maximum(below, do.number(lowest)) if lowest else do.relu(below)
    clamped = do.relu(integers) if relu and found.zero_point != found.lowest else integers
    return do.times(clamped, found.scale)
