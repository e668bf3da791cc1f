"""Mixup: clips and their targets mixed in pairs. B clips of a batch."""

from dataclasses import dataclass

import torch
from torch import Tensor

from train.data.augmentations import BatchAugmentation, Mix, Preview, register


@dataclass(frozen=True)
class MixupConfig:
    """How much clips are mixed."""

    mixup_alpha: float = 0.0
    """Parameter of the Beta distribution by which clips and their targets are mixed in pairs (Zhang et al., 2018).
    CP-JKU's 2022 student, TF-SepNet and EfficientAT: 0.3; CP-Mobile: 0."""


@register(order=70)
class Mixup(BatchAugmentation):
    """Each clip with a random other one."""

    Config = MixupConfig
    config: MixupConfig
    switches = ("mixup_alpha",)
    previews = (Preview("Mixup", "alpha 0.3\n(CP-JKU 2022)", {"mixup_alpha": 0.3}),)

    def apply(self, features: Tensor) -> tuple[Tensor, Mix]:
        mix = draw_mix(len(features), self.config.mixup_alpha)
        return mix(features), mix


def draw_mix(batch: int, alpha: float) -> Mix:
    """Draw a random mix of `batch` clips, shares from Beta(alpha, alpha).

    Source: Zhang et al., "mixup: beyond empirical risk minimization", 2018. Here the larger share is always the clip's
    own, so that what is true of most of the sound stays true of the clip.
    """
    share = torch.distributions.Beta(alpha, alpha).sample((batch,))
    return Mix(torch.maximum(share, 1 - share), torch.randperm(batch))
