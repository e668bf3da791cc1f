"""SpecAugment: blank bands and frames of spectrograms. Shapes: B clips, F mel bands, T frames."""

from dataclasses import dataclass

import torch
from torch import Tensor

from train.data.augmentations import Preview, SpectrogramAugmentation, register


@dataclass(frozen=True)
class SpecAugmentConfig:
    """How much is blanked."""

    frequency_mask: int = 0
    """In each clip a block of 0 to this less one mel bands is blanked (SpecAugment). CP-Mobile, CP-ResNet, PaSST and
    the 2024 baseline: 48."""
    time_mask: int = 0
    """In each clip a block of 0 to this less one frames is blanked (SpecAugment). PaSST: 20; CP-Mobile: 0."""


@register(order=60)
class SpecAugment(SpectrogramAugmentation):
    """A block of bands and a block of frames of each clip."""

    Config = SpecAugmentConfig
    config: SpecAugmentConfig
    switches = ("frequency_mask", "time_mask")
    previews = (
        Preview(
            "SpecAugment masks",
            "0..47 bands (CP-Mobile)\n0..19 frames (PaSST)",
            {"frequency_mask": 48, "time_mask": 20},
        ),
    )

    def apply(self, features: Tensor) -> Tensor:
        bands, frames = self.config.frequency_mask, self.config.time_mask
        if bands:
            features = mask_block(features, bands, axis=2)
        return mask_block(features, frames, axis=3) if frames else features


def mask_block(log_mel: Tensor, most: int, axis: int) -> Tensor:
    """Set one block along `axis` of each clip (B, 1, F, T) to 0, as wide as 0..most - 1 bands (2) or frames (3).

    All widths are equally likely. They and the places are drawn as torchaudio's `mask_along_axis_iid` draws them, by
    which the last band or frame is never blanked. The value differs from the original recipes: 0 is the middle of the
    normalised scale here; in hear21passt masked values end at 0.9 (they are 0 before its normalisation), and DCASE's
    2024 baseline masks before the logarithm, so that they end at its lowest value.
    Source: Park et al., "SpecAugment", 2019.
    """
    size = log_mel.shape[axis]
    width = torch.rand(len(log_mel), 1) * most
    start = (torch.rand(len(log_mel), 1) * (size - width)).floor()
    shape = [1, 1, 1, 1]
    shape[axis] = size
    position = torch.arange(size, device=log_mel.device).view(shape)
    first, end = (
        place.view(-1, 1, 1, 1).to(log_mel.device, non_blocking=True) for place in (start, start + width.floor())
    )
    return log_mel.masked_fill((position >= first) & (position < end), 0.0)
