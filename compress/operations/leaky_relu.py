"""Leaky ReLU: x where it is positive, slope x elsewhere (Maas et al. 2013).

One of the two parts is always zero, so their sum is exact, with a fused multiply-add as without.
"""

from dataclasses import dataclass

import numpy as np
from torch.fx import Node

from compress.arithmetic.arithmetic import Arithmetic, Tensor
from compress.lowering.channels import each_channel
from compress.lowering.graph import Lowering, arguments, lowers
from compress.operations.elementwise_function import ElementwiseFunction, Reals


@dataclass(frozen=True)
class LeakyReLU(ElementwiseFunction, kind="leaky_relu"):
    """With any slope."""

    input: str
    output: str
    slope: float
    """Below zero."""
    units: tuple[float, float] | None

    def apply(self, do: Arithmetic, x: Tensor) -> Tensor:
        return do.add(do.relu(x), do.times(do.minimum(x, do.number(0)), self.slope))

    def exact(self, x: Reals) -> Reals:
        return np.where(x > 0, x, self.slope * x)


@lowers("aten.leaky_relu.default", "aten.leaky_relu_.default", channels=each_channel)
def _lower(lowering: Lowering, node: Node) -> str:
    source, slope = arguments(node, 2, (0.01,))
    return lowering.emit(node, LeakyReLU(lowering.name_of[source], node.name, slope, None))
