"""Gaussian noise. Shapes: B clips, n of them chosen, S samples."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tinyasc.errors import UserError
from train.data.augmentations import Preview, WaveformAugmentation, register


@dataclass(frozen=True)
class NoiseConfig:
    """How much noise is added."""

    noise_probability: float = 0.0
    """Share of the clips that get white Gaussian noise. CP-Mobile and the other recipes named here: 0."""
    noise_snr: tuple[float, float] = (5.0, 40.0)
    """Lowest and highest signal-to-noise ratio of that noise, dB; uniform between. The defaults of audiomentations."""


@register(order=30)
class Noise(WaveformAugmentation):
    """White Gaussian noise in a share of the clips."""

    Config = NoiseConfig
    config: NoiseConfig
    switches = ("noise_probability",)
    previews = (Preview("Gaussian noise", "SNR 5..40 dB\n(audiomentations)", {"noise_probability": 1}),)

    @classmethod
    def check(cls, config: NoiseConfig) -> None:
        super().check(config)
        low, high = config.noise_snr
        if not -math.inf < low <= high < math.inf:
            raise UserError(f"augmentation: noise_snr is {low}, {high}: take two ratios in dB, the lower one first")

    def apply(self, waveform: Tensor, device: Tensor) -> Tensor:
        return noise(waveform, self.config.noise_probability, self.config.noise_snr)

    def notes(self, before: Tensor, after: Tensor, sample_rate: int) -> Sequence[str]:
        """The signal-to-noise ratio of each clip."""
        ratio = 10 * (before.square().mean(1) / (after - before).square().mean(1)).log10()
        return [f"SNR {decibels:.0f} dB" for decibels in ratio.tolist()]


def noise(waveform: Tensor, probability: float, snr: tuple[float, float]) -> Tensor:
    """Add white Gaussian noise to a share of the clips, at an SNR of each one's own: (B, S) -> same shape.

    The ratio of the powers, uniform in dB, is met exactly, not in the mean; silence stays silence. The noise is drawn
    on the waveform's device, from a seed that torch's state on the CPU gives: on another kind of device the same seed
    gives another noise of the same distribution.
    """
    chosen = (torch.rand(len(waveform)) < probability).nonzero().flatten()  # (n,)
    low, high = snr
    decibels = low + (high - low) * torch.rand(len(chosen), 1)
    generator = torch.Generator(waveform.device).manual_seed(int(torch.randint(2**63 - 1, ())))
    size = len(chosen), waveform.shape[1]
    drawn = torch.randn(size, generator=generator, dtype=waveform.dtype, device=waveform.device)  # (n, S)
    chosen = chosen.to(waveform.device, non_blocking=True)
    ratio = (10 ** (decibels / 10)).to(waveform, non_blocking=True)
    clips = waveform[chosen]
    factor = (clips.square().mean(1, keepdim=True) / drawn.square().mean(1, keepdim=True) / ratio).sqrt()
    return waveform.index_copy(0, chosen, clips + factor * drawn)
