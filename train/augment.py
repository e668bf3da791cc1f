"""Random changes of a batch of log-mel spectrograms, each drawn from torch's random state on the CPU.

Shapes: B clips, F mel bands, T frames, K classes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from tinyasc.errors import UserError


@dataclass(frozen=True)
class AugmentConfig:
    """What is done to training batches; 0 turns a change off."""

    time_roll: int = 0
    """Clips are rolled along time by up to this many frames either way."""
    frequency_mask: int = 0
    """A block of fewer than this many mel bands is blanked in each clip."""
    time_mask: int = 0
    """A block of fewer than this many frames is blanked in each clip."""
    mixstyle_probability: float = 0.0
    """Share of the batches whose clips exchange frequency statistics."""
    mixstyle_alpha: float = 0.3
    """Parameter of the Beta distribution of the exchange."""

    def __post_init__(self) -> None:
        if min(self.time_roll, self.frequency_mask, self.time_mask) < 0:
            raise UserError("augmentation: take time_roll, frequency_mask and time_mask of 0 or more")
        if not 0 <= self.mixstyle_probability <= 1:
            raise UserError(f"augmentation: mixstyle_probability is {self.mixstyle_probability}: take 0 to 1")
        if not self.mixstyle_alpha > 0:
            raise UserError(
                f"augmentation: mixstyle_alpha is {self.mixstyle_alpha}: take one above zero "
                "(mixstyle_probability 0 turns the change off)"
            )


def augment(log_mel: Tensor, config: AugmentConfig) -> Tensor:
    """All configured changes, in the order of the fields of the config. (B, 1, F, T) -> same shape."""
    if config.time_roll:
        log_mel = roll_time(log_mel, config.time_roll)
    if config.frequency_mask:
        log_mel = mask_block(log_mel, config.frequency_mask, axis=2)
    if config.time_mask:
        log_mel = mask_block(log_mel, config.time_mask, axis=3)
    if config.mixstyle_probability and torch.rand(()) < config.mixstyle_probability:
        log_mel = frequency_mixstyle(log_mel, config.mixstyle_alpha)
    return log_mel


def roll_time(log_mel: Tensor, most: int) -> Tensor:
    """Each clip rolled by its own number of frames in -most..most; what leaves at one end enters at the other."""
    batch, frames = log_mel.shape[0], log_mel.shape[3]
    shift = torch.randint(-most, most + 1, (batch, 1))
    source = (torch.arange(frames) - shift) % frames  # (B, T)
    return log_mel.gather(3, source[:, None, None].expand(log_mel.shape).to(log_mel.device))


def mask_block(log_mel: Tensor, most: int, axis: int) -> Tensor:
    """In each clip one block along `axis` set to 0, the middle of the normalised scale; its width uniform in 0..most.

    Source: Park et al., "SpecAugment", 2019.
    """
    size = log_mel.shape[axis]
    width = torch.rand(len(log_mel), 1) * most
    start = (torch.rand(len(log_mel), 1) * (size - width)).floor()
    position = torch.arange(size)
    blank = (position >= start) & (position < start + width.floor())  # (B, size)
    shape = [len(log_mel), 1, 1, 1]
    shape[axis] = size
    return log_mel.masked_fill(blank.view(shape).to(log_mel.device), 0.0)


def frequency_mixstyle(log_mel: Tensor, alpha: float, epsilon: float = 1e-6) -> Tensor:
    """Freq-MixStyle: each clip gets, per mel band, mean and deviation mixed with those of another clip of the batch.

    What a recording device does to a sound is mostly a gain per frequency, so this simulates other devices.
    Source: Schmid et al., "Knowledge distillation from transformers for low-complexity acoustic scene classification",
    2022; Kim et al., "Domain generalization with relaxed instance frequency-wise normalization", 2022.
    """
    variance, mean = torch.var_mean(log_mel, dim=(1, 3), keepdim=True)  # (B, 1, F, 1), unbiased
    deviation = (variance + epsilon).sqrt()
    own = torch.distributions.Beta(alpha, alpha).sample((len(log_mel), 1, 1, 1)).to(log_mel)
    other = torch.randperm(len(log_mel)).to(log_mel.device)
    mixed_mean = own * mean + (1 - own) * mean[other]
    mixed_deviation = own * deviation + (1 - own) * deviation[other]
    return (log_mel - mean) / deviation * mixed_deviation + mixed_mean


def mixup(log_mel: Tensor, label: Tensor, n_classes: int, alpha: float) -> tuple[Tensor, Tensor]:
    """Each clip mixed with another one, and its target (B, K) alike; alpha 0 mixes nothing.

    Source: Zhang et al., "mixup: beyond empirical risk minimization", 2018; the larger share is the clip's own.
    """
    target = F.one_hot(label, n_classes).to(log_mel.dtype)
    if not alpha:
        return log_mel, target
    own = torch.distributions.Beta(alpha, alpha).sample((len(log_mel),))
    own = torch.maximum(own, 1 - own).to(log_mel)
    other = torch.randperm(len(log_mel)).to(log_mel.device)
    share, share_K = own[:, None, None, None], own[:, None]
    return share * log_mel + (1 - share) * log_mel[other], share_K * target + (1 - share_K) * target[other]
