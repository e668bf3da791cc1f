"""Level and noise: changes of single clips. Shapes: B clips, n of them chosen, S samples."""

import torch
from torch import Tensor


def gain(waveform: Tensor, most: float) -> Tensor:
    """Each clip at a level of its own, uniform in -most..most dB: (B, S) -> same shape. Nothing is clipped.

    Source: the training of EfficientAT (Schmid et al., 2023), there in whole dB.
    """
    decibels = (2 * torch.rand(len(waveform), 1) - 1) * most
    return waveform * (10 ** (decibels / 20)).to(waveform, non_blocking=True)


def noise(waveform: Tensor, probability: float, snr: tuple[float, float]) -> Tensor:
    """White Gaussian noise in some clips, at a signal-to-noise ratio of each one's own: (B, S) -> same shape.

    The ratio is met exactly, not in the mean. Silence stays silence. The samples of the noise are drawn on the
    waveform's device, from a seed that torch's state on the CPU gives: on another kind of device the same seed gives
    another noise of the same distribution.

    Args:
        waveform: (B, S).
        probability: with which a clip gets noise.
        snr: lowest and highest ratio of the powers, dB; uniform between them.
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
