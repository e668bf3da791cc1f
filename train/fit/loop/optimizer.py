"""The optimisers that the field's recipes name."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.optim import Optimizer

MOMENTUM = 0.9
"""Of sgd, Nesterov's."""
OPTIMIZERS = ("adam", "adamw", "sgd")


def make_optimizer(
    name: str, parameters: Iterable[nn.Parameter], weight_decay: float, *, fused: bool = True
) -> Optimizer:
    """An optimiser of all parameters that are to be trained; the learning rate is set before every step (`set_rate`).

    Args:
        name: one of OPTIMIZERS.
        parameters: those that need no gradient stay as they are.
        weight_decay: an L2 penalty (adam, sgd) or apart from the gradient (adamw; Loshchilov and Hutter, 2019).
        fused: all parameters in one pass, which takes a fifth of the time on a CPU and one kernel on a GPU.
    """
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    if name == "sgd":
        return torch.optim.SGD(trained, momentum=MOMENTUM, nesterov=True, weight_decay=weight_decay, fused=fused)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name]
    return kind(trained, weight_decay=weight_decay, fused=fused)


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Give all parameters this learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate
