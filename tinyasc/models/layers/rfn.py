"""Instance normalization per frequency: levels each frequency band of a clip, and so what a device did to it.

A recording device is mostly a gain per frequency. Instance statistics per frequency carry it, so removing them makes
devices alike; but they tell scenes apart too, so the layers that stand on this keep a part of the clip's own level.
Source: Kim et al., "Domain generalization with relaxed instance frequency-wise normalization for multi-device acoustic
scene classification", 2022.
Shapes: B clips, C channels, F frequency bands, T frames.
"""

from torch import Tensor
from torch.nn import functional


def instance_frequency_norm(x: Tensor) -> Tensor:
    """Standardized over (C, T) of each frequency band of each clip: (B, C, F, T) -> same shape."""
    return functional.instance_norm(x.transpose(1, 2)).transpose(1, 2)
