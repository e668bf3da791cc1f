"""SiLU, x / (1 + e^-x) (Elfwing et al. 2017, arXiv:1702.03118), and its second factor, the sigmoid.

A runtime's logistic may err by 2^-21 where it is near zero, and by 8 units of the last place elsewhere.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from torch.fx import Node

from compress.arithmetic.arithmetic import Arithmetic, Tensor
from compress.lowering.channels import each_channel
from compress.lowering.graph import Lowering, lowers
from compress.operations.elementwise_function import ElementwiseFunction, Reals

LOGISTIC_ERROR = 2.0**-21


@dataclass(frozen=True)
class ActivationFunction(ElementwiseFunction, kind="activation_function"):
    """Either of the two."""

    input: str
    output: str
    function: Literal["silu", "sigmoid"]
    units: tuple[float, float] | None

    def apply(self, do: Arithmetic, x: Tensor) -> Tensor:
        share = do.logistic(x)
        return share if self.function == "sigmoid" else do.multiply(x, share)

    def exact(self, x: Reals) -> Reals:
        share = 1 / (1 + np.exp(-x.clip(min=-700)))
        return share if self.function == "sigmoid" else x * share

    def absolute_error(self, x: Reals) -> Reals | float:
        return LOGISTIC_ERROR * (1 if self.function == "sigmoid" else np.abs(x))


@lowers("aten.silu.default", "aten.silu_.default", channels=each_channel)
def _silu(lowering: Lowering, node: Node) -> str:
    source: Any = node.args[0]
    return lowering.emit(node, ActivationFunction(lowering.name_of[source], node.name, "silu", None))


@lowers("aten.sigmoid.default", channels=each_channel)
def _sigmoid(lowering: Lowering, node: Node) -> str:
    source: Any = node.args[0]
    return lowering.emit(node, ActivationFunction(lowering.name_of[source], node.name, "sigmoid", None))
