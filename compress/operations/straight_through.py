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


class LearnedRound(torch.autograd.Function):
    """Clamp and round in units of a step, with the gradient of learned step size quantization (LSQ).

    The integers q = clamp(round(v)) of v = x / s stand for s q, whose gradient for s is q - v where v is inside of its
    ends and the end itself beyond them, and is scaled by 1 / sqrt(N Q), with the N values that share the step and the
    highest integer Q (Esser et al. 2020, arXiv:1902.08153, equations 3 and 4 and section 2.2).
    """

    @staticmethod
    def forward(ctx: Any, value: Tensor, step: Tensor, ends: tuple[int, int], count: int) -> Tensor:
        """The integers.

        Args:
            ctx: of torch.
            value: in units of the steps.
            step: the steps, broadcast over the value; only its gradient is made, by whatever makes steps of it.
            ends: lowest and highest integer, clamped to.
            count: N.
        """
        integers = value.clamp(*ends).round()
        ctx.save_for_backward(value, step, integers)
        ctx.ends, ctx.count = ends, count
        return integers

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        value, step, integers = ctx.saved_tensors
        lowest, highest = ctx.ends
        inside = (value >= lowest) & (value <= highest)
        through = gradients[0] * inside
        moved = (gradients[0] * integers - through * value).sum_to_size(step.shape) / step
        return through, moved / (ctx.count * highest) ** 0.5, None, None


class Stand(torch.autograd.Function):
    """The first value, with the gradient of the second, which it is the integer form of."""

    @staticmethod
    def forward(ctx: Any, exact: Tensor, formula: Tensor) -> Tensor:
        return exact.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        return None, gradients[0]
