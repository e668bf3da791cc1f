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
    start = -torch.randint(-most, most + 1, (batch,)) % size
    # Every roll of a clip is a window into two of it in a row: no index of each sample is made, nor sent to a GPU.
    windows = torch.cat([values, values], -1).unfold(-1, size, 1)  # (B, ..., T + 1, T)
    clips = torch.arange(batch, device=values.device)
    return windows[clips, ..., start.to(values.device, non_blocking=True), :]
