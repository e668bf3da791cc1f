"""Rolling along time: of the samples of waveforms or of the frames of spectrograms."""

import torch
from torch import Tensor


def roll(values: Tensor, most: int) -> Tensor:
    """Each clip rolled by its own number of places in -most..most; what leaves at one end enters at the other.

    Source: CP-JKU's DCASE submissions, there +-4,000 samples at 32 kHz.

    Args:
        values: (B, ..., T), time last.
        most: samples or frames, whatever the last axis counts.
    """
    batch, size = len(values), values.shape[-1]
    shift = torch.randint(-most, most + 1, (batch, 1))
    source = (torch.arange(size) - shift) % size  # (B, T)
    source = source.to(values.device).view(batch, *[1] * (values.ndim - 2), size)
    return values.gather(-1, source.expand(values.shape))
