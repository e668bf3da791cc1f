"""Hard sigmoid: relu6(x + 3) / 6 (Howard et al., "Searching for MobileNetV3", 2019, arXiv:1905.02244).

Below 3 in size x errs by 3 * 2^-24 of itself, and x + 3, below 6, by a rounding more: a sixth of both is below 2^-22.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch.fx import Node

from compress.arithmetic.arithmetic import Arithmetic, Tensor
from compress.lowering.channels import each_channel
from compress.lowering.graph import Lowering, lowers
from compress.operations.elementwise_function import ElementwiseFunction, Reals


@dataclass(frozen=True)
class HardSigmoid(ElementwiseFunction, kind="hardsigmoid"):
    """MobileNetV3's approximation of the sigmoid."""

    input: str
    output: str
    units: tuple[float, float] | None

    def apply(self, do: Arithmetic, x: Tensor) -> Tensor:
        return do.times(do.minimum(do.relu(do.plus(x, 3)), do.number(6)), 1 / 6)

    def exact(self, x: Reals) -> Reals:
        return np.clip(x + 3, 0, 6) / 6

    def absolute_error(self, x: Reals) -> Reals | float:
        return 2.0**-22


@lowers("aten.hardsigmoid.default", "aten.hardsigmoid_.default", channels=each_channel)
def _lower(lowering: Lowering, node: Node) -> str:
    source: Any = node.args[0]
    return lowering.emit(node, HardSigmoid(lowering.name_of[source], node.name, None))
