"""Masks of spectrograms. Shapes: B clips, F mel bands, T frames."""

import torch
from torch import Tensor


def mask_block(log_mel: Tensor, most: int, axis: int) -> Tensor:
    """In each clip one block along `axis` set to 0, as wide as 0..most - 1 whole bands or frames, all equally likely.

    Widths and places are drawn as torchaudio's `mask_along_axis_iid` draws them, by which the last band or frame is
    never blanked. The value differs from the original recipes: 0 is the middle of the normalised scale here; in
    hear21passt masked values end at 0.9 (they are 0 before its normalisation), and DCASE's 2024 baseline masks before
    the logarithm, so that they end at its lowest value.
    Source: Park et al., "SpecAugment", 2019.

    Args:
        log_mel: (B, 1, F, T), normalised.
        most: the block is narrower than this.
        axis: 2 for bands, 3 for frames.
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
