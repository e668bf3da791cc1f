"""Gain: each clip at a level of its own. Shapes: B clips, S samples."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from train.data.augmentations import Preview, WaveformAugmentation, register


@dataclass(frozen=True)
class GainConfig:
    """How far levels change."""

    gain: float = 0.0
    """Each clip's level changes by up to this many dB either way, uniform in dB. EfficientAT on DCASE 2020: 12;
    CP-Mobile: 0."""


@register(order=20)
class Gain(WaveformAugmentation):
    """A random gain of each clip."""

    Config = GainConfig
    config: GainConfig
    switches = ("gain",)
    previews = (Preview("Gain", "±12 dB\n(EfficientAT)", {"gain": 12}),)

    def apply(self, waveform: Tensor, device: Tensor) -> Tensor:
        return gain(waveform, self.config.gain)

    def notes(self, before: Tensor, after: Tensor, sample_rate: int) -> Sequence[str]:
        """The gain of each clip."""
        level = 10 * (after.square().mean(1) / before.square().mean(1)).log10()
        return [f"{decibels:+.1f} dB" for decibels in level.tolist()]


def gain(waveform: Tensor, most: float) -> Tensor:
    """Set each clip to a level of its own, uniform in -most..most dB: (B, S) -> same shape. Nothing is clipped.

    Source: the training of EfficientAT (Schmid et al., 2023), there in whole dB.
    """
    decibels = (2 * torch.rand(len(waveform), 1) - 1) * most
    return waveform * (10 ** (decibels / 20)).to(waveform, non_blocking=True)
