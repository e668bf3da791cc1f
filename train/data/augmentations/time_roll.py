"""Rolling along time: the samples of waveforms, or the frames of spectrograms that were computed once."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tinyasc.errors import UserError
from train.data.augmentations import (
    Context,
    Preview,
    SpectrogramAugmentation,
    WaveformAugmentation,
    register,
)


@dataclass(frozen=True)
class TimeRollConfig:
    """How far clips are rolled."""

    time_roll: int = 0
    """Clips are rolled along time by up to this many samples either way. CP-Mobile and CP-ResNet: 4000, PaSST: 10000,
    DCASE's 2024 baseline: 3200; all at 32 kHz."""


class FrameRoll(SpectrogramAugmentation):
    """The same for kept features: a roll by whole frames."""

    Config = TimeRollConfig
    switches = ("time_roll",)

    def __init__(self, config: TimeRollConfig, context: Context) -> None:
        hop_length = 1 if context.front_end is None else context.front_end.hop_length
        self.most = round(config.time_roll / hop_length)
        if not self.most:
            raise UserError(
                f"augmentation: cache keeps finished spectrograms, whose frames are {hop_length} samples apart: "
                f"take cache: false, or a time_roll of {hop_length} or more"
            )

    def apply(self, features: Tensor) -> Tensor:
        return roll(features, self.most)


@register(order=40)
class TimeRoll(WaveformAugmentation):
    """A random roll of each clip."""

    Config = TimeRollConfig
    config: TimeRollConfig
    switches = ("time_roll",)
    previews = (Preview("Time roll", "±4,000 samples\n(CP-Mobile)", {"time_roll": 4_000}, panel="clip"),)
    on_features = FrameRoll

    def apply(self, waveform: Tensor, device: Tensor) -> Tensor:
        return roll(waveform, self.config.time_roll)

    def notes(self, before: Tensor, after: Tensor, sample_rate: int) -> Sequence[str]:
        """The shift of each clip: where the correlation of the two is largest."""
        spectrum = torch.fft.rfft(after) * torch.fft.rfft(before).conj()
        shift = torch.fft.irfft(spectrum, before.shape[1]).argmax(1)
        signed = shift - before.shape[1] * (shift > before.shape[1] / 2)
        return [f"{1000 * samples / sample_rate:+.0f} ms" for samples in signed.tolist()]


def roll(values: Tensor, most: int) -> Tensor:
    """Roll each clip (B, ..., T) by its own number of places in -most..most; what leaves enters at the other end.

    Source: CP-JKU's DCASE submissions, there +-4,000 samples at 32 kHz.
    """
    batch, size = len(values), values.shape[-1]
    start = -torch.randint(-most, most + 1, (batch,)) % size
    # Every roll of a clip is a window into two of it in a row: no index of each sample is made, nor sent to a GPU.
    windows = torch.cat([values, values], -1).unfold(-1, size, 1)  # (B, ..., T + 1, T)
    clips = torch.arange(batch, device=values.device)
    return windows[clips, ..., start.to(values.device, non_blocking=True), :]
