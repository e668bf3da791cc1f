"""Masks of spectrograms. Shapes: B clips, F mel bands, T frames."""

import torch
from torch import Tensor


def mask_block(log_mel: Tensor, most: int, axis: int) -> Tensor:
    """In each clip one block along `axis` set to 0, the middle of the normalised scale; its width uniform in 0..most.

    Source: Park et al., "SpecAugment", 2019.

    Args:
        log_mel: (B, 1, F, T).
        most: the block is narrower than this many bands or frames.
        axis: 2 for bands, 3 for frames.
    """
    size = log_mel.shape[axis]
    width = torch.rand(len(log_mel), 1) * most
    start = (torch.rand(len(log_mel), 1) * (size - width)).floor()
    position = torch.arange(size)
    blank = (position >= start) & (position < start + width.floor())  # (B, size)
    shape = [len(log_mel), 1, 1, 1]
    shape[axis] = size
    return log_mel.masked_fill(blank.view(shape).to(log_mel.device), 0.0)
