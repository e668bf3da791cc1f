"""Gradient reversal: features that a second classifier, of devices say, is to find useless.

Between the features and that classifier, values pass as they are and gradients turn round: the classifier learns to
tell the devices apart, and what is before it learns to make them alike.
Source: Ganin and Lempitsky, "Unsupervised domain adaptation by backpropagation", 2015.
"""

from typing import Any

import torch
from torch import Tensor, nn


class GradientReversal(nn.Module):
    """x -> x, any shape; the gradient is multiplied by -alpha, which may be set anew at any time."""

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        return _Reversal.apply(x, self.alpha)


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, alpha: float) -> Tensor:
        ctx.alpha = alpha
        return x.view_as(x)  # a new tensor with a gradient function of its own

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.alpha * gradients[0], None
