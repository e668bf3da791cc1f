"""Global response norm: kept whole through the export of a network, so that it is met as one node and not as ten.

Shapes: B batch, C channels, F mel bands, T frames.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Node

from compress.lowering.graph import Lowering
from compress.operations.addition import Addition
from compress.operations.response_norm import ResponseNorm
from compress.program import Value
from tinyasc.models.layers.norms import GlobalResponseNorm


@torch.library.custom_op("tinyasc::response_norm", mutates_args=())
def _response_norm(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float) -> Tensor:
    """Only its shape is asked for; the network computes its norms itself."""
    raise NotImplementedError


@_response_norm.register_fake
def _(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float) -> Tensor:
    return torch.empty_like(x)


class _Whole(nn.Module):
    """(B, C, F, T) -> same shape."""

    def __init__(self, norm: GlobalResponseNorm) -> None:
        super().__init__()
        self.gamma, self.beta, self.epsilon = norm.gamma, norm.beta, norm.epsilon

    def forward(self, x: Tensor) -> Tensor:
        return _response_norm(x, self.gamma, self.beta, self.epsilon)


def keep_whole(network: nn.Module) -> None:
    """Make one operation of every global response norm of a network that is to be exported, in place."""
    for name, layer in list(network.named_modules()):
        if isinstance(layer, GlobalResponseNorm):
            network.set_submodule(name, _Whole(layer))


def response_norm(lowering: Lowering, node: Node) -> str:
    """With the addition right before it, when nothing else needs the sum."""
    given: tuple[Any, ...] = node.args
    source, gamma, beta, epsilon = given
    inputs: tuple[str, ...] = (lowering.name_of[source],)
    before = lowering.operations[-1] if lowering.operations else None
    alone = sum(user.op == "call_function" for user in source.users) == 1
    if isinstance(before, Addition) and before.output == inputs[0] and alone and not before.relu:
        inputs = before.inputs
        del lowering.values[lowering.operations.pop().output]
    energy = f"{node.name}/energy"
    gamma, beta = (lowering.tensors[scalar.name].item() for scalar in (gamma, beta))
    name = lowering.emit(node, ResponseNorm(inputs, node.name, energy, gamma, beta, epsilon, False, None))
    lowering.values[energy] = Value(energy, lowering.values[name].shape[:1])
    return name
