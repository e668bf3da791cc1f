"""Mixup: clips and their targets mixed in pairs. B clips of a batch."""

from typing import NamedTuple

import torch
from torch import Tensor


class Mix(NamedTuple):
    """Which clip of a batch is mixed with which, and how much; called on everything that belongs to the clips.

        features, target = mix(features), mix(target)

    Targets may be hard (one-hot) or soft, e.g. a teacher's answers.
    Source: Zhang et al., "mixup: beyond empirical risk minimization", 2018. Here the larger share is always the clip's
    own, so that what is true of most of the sound stays true of the clip.
    """

    own: Tensor | None = None
    """(B,) in 0.5..1: share of each clip in its mixture; None: nothing is mixed."""
    other: Tensor | None = None
    """(B,) int64: the clip that gives the rest."""

    @classmethod
    def draw(cls, batch: int, alpha: float) -> "Mix":
        """A random mix of `batch` clips, shares from Beta(alpha, alpha); alpha 0 mixes nothing."""
        if not alpha:
            return cls()
        share = torch.distributions.Beta(alpha, alpha).sample((batch,))
        return cls(torch.maximum(share, 1 - share), torch.randperm(batch))

    def __call__(self, values: Tensor) -> Tensor:
        """(B, ...) -> same shape, mixed along the first axis; without a mix the argument itself."""
        if self.own is None or self.other is None:
            return values
        own = self.own.to(values.device, non_blocking=True).view(-1, *[1] * (values.ndim - 1))
        return own * values + (1 - own) * values[self.other.to(values.device, non_blocking=True)]
