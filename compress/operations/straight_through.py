"""Gradients through what has none: rounding, and integer arithmetic that stands for a formula."""

from typing import Any

import torch
from torch import Tensor


class Round(torch.autograd.Function):
    """Round half to even, with the gradient of the identity (Bengio et al. 2013, arXiv:1308.3432)."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        return value.round()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


class Stand(torch.autograd.Function):
    """The first value, with the gradient of the second, which it is the integer form of."""

    @staticmethod
    def forward(ctx: Any, exact: Tensor, formula: Tensor) -> Tensor:
        return exact.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        return None, gradients[0]
