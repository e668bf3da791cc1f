"""Global response norm in float32 operators, written once for both formats.

In an INT8 program they compute `compress.operations.response_norm_integers`, every number an integer or a part of one
that float32 holds.
"""

from collections.abc import Sequence
from functools import reduce

import numpy as np

from compress.operations.response_norm import ResponseNorm
from compress.operations.response_norm_integers import LARGEST_ENERGY
from export.axes import Axes
from export.front_end.operations import Operations, Tensor


def response_norm(operations: Operations, norm: ResponseNorm, inputs: Sequence[Tensor], axes: Axes) -> Tensor:
    """The norm of the inputs' sum: integers times the scales in the file, or real numbers for a float program.

    Args:
        operations: of the format.
        norm: INT8 or float.
        inputs: of one shape.
        axes: of that shape.

    Returns:
        What is then quantized, or in a float program the value itself but for its ReLU.
    """
    chain = _Chain(operations)
    x = reduce(operations.add, inputs)
    return chain.integers(norm, x, axes) if norm.integers is not None else chain.real(norm, x, axes)


class _Chain:
    def __init__(self, operations: Operations):
        self.operations = operations

    def real(self, norm: ResponseNorm, x: Tensor, axes: Axes) -> Tensor:
        do = self.operations
        energy = do.sum(do.multiply(x, x), axes.frequency, axes.time)
        root = do.square_root(energy)
        relative = do.divide(root, self._plus(do.mean(root, axes.channel), norm.epsilon))
        scale = self._plus(self._times(relative, norm.gamma), 1)
        return self._plus(do.multiply(x, scale), norm.beta)

    def integers(self, norm: ResponseNorm, x: Tensor, axes: Axes) -> Tensor:
        do, constants = self.operations, norm.integers
        assert constants is not None
        rows = self._shifted(do.sum(do.multiply(x, x), axes.time), constants.energy_shift)
        energy = do.minimum(do.sum(rows, axes.frequency), self._number(LARGEST_ENERGY))
        root = self._rounded(do.square_root(energy))
        total = self._plus(self._shifted(do.sum(root, axes.channel), constants.sum_shift), 1)
        reciprocal = self._rounded(do.divide(self._number(constants.numerator / 4), total))
        moved = do.multiply(root, self._times(reciprocal, 2.0**-constants.reciprocal_shift))
        scale = self._times(self._plus(do.floor(moved), constants.offset), 2.0**-constants.fraction)
        return self._plus(do.multiply(x, scale), constants.bias * 2.0 ** -(constants.fraction + 1))

    def _shifted(self, integer: Tensor, shift: int) -> Tensor:
        return self.operations.floor(self._times(integer, 2.0**-shift)) if shift else integer

    def _rounded(self, value: Tensor) -> Tensor:
        # not every kernel family has ROUND, and the values are never near a half
        return self.operations.floor(self._plus(value, 0.5))

    def _plus(self, value: Tensor, number: float) -> Tensor:
        return self.operations.add(value, self._number(number))

    def _times(self, value: Tensor, number: float) -> Tensor:
        return self.operations.multiply(value, self._number(number))

    def _number(self, number: float) -> Tensor:
        return self.operations.constant(np.array([number], np.float32))
