"""ReLU6: x within 0 and 6 (Howard et al., "MobileNets", 2017, arXiv:1704.04861). torch calls it a hardtanh."""

from dataclasses import dataclass

import numpy as np
from torch.fx import Node

from compress.arithmetic.arithmetic import Arithmetic, Tensor
from compress.lowering.channels import each_channel
from compress.lowering.graph import Lowering, arguments, lowers
from compress.operations.elementwise_function import ElementwiseFunction, Reals
from tinyasc.errors import UserError


@dataclass(frozen=True)
class ReLU6(ElementwiseFunction, kind="relu6"):
    """min(max(x, 0), 6)."""

    input: str
    output: str
    units: tuple[float, float] | None

    def apply(self, do: Arithmetic, x: Tensor) -> Tensor:
        return do.minimum(do.relu(x), do.number(6))

    def exact(self, x: Reals) -> Reals:
        return np.clip(x, 0, 6)


@lowers("aten.hardtanh.default", "aten.hardtanh_.default", channels=each_channel)
def _hardtanh(lowering: Lowering, node: Node) -> str:
    _, low, high = arguments(node, 3, (-1.0, 1.0))
    if (low, high) != (0, 6):
        raise UserError(f"{node.name} clamps to {low:g} and {high:g}: the INT8 program clamps to 0 and 6, as ReLU6")
    return _lower(lowering, node)


@lowers("aten.relu6.default", "aten.relu6_.default", channels=each_channel)
def _lower(lowering: Lowering, node: Node) -> str:
    source, *_ = arguments(node, 1, ())
    return lowering.emit(node, ReLU6(lowering.name_of[source], node.name, None))
