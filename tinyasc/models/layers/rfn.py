"""Relaxed instance frequency-wise normalization: levels each frequency band of a clip, and so what a device did to it.

A recording device is mostly a gain per frequency. Instance statistics per frequency carry it, so removing them makes
devices alike; but they tell scenes apart too, so a part of the clip's own level is kept (relaxed).
Source: Kim et al., "Domain generalization with relaxed instance frequency-wise normalization for multi-device acoustic
scene classification", 2022.
Shapes: B clips, C channels, F frequency bands, T frames.
"""

from torch import Tensor, nn
from torch.nn import functional

from tinyasc.errors import UserError


class RelaxedInstanceFrequencyNorm(nn.Module):
    """(B, C, F, T) -> same shape: weight * LN(x) + (1 - weight) * IFN(x).

    LN is standardized over (C, F, T) of the clip, IFN over (C, T) of each band; no parameters.

    Raises:
        UserError: weight is not from 0 to 1.
    """

    def __init__(self, weight: float = 0.5) -> None:
        super().__init__()
        if not 0 <= weight <= 1:
            raise UserError(f"relaxed frequency norm: weight is {weight}: take 0 (frequency-wise only) to 1")
        self.weight = weight

    def forward(self, x: Tensor) -> Tensor:
        whole = functional.layer_norm(x, x.shape[1:])
        return self.weight * whole + (1 - self.weight) * instance_frequency_norm(x)


def instance_frequency_norm(x: Tensor) -> Tensor:
    """Standardized over (C, T) of each frequency band of each clip: (B, C, F, T) -> same shape."""
    return functional.instance_norm(x.transpose(1, 2)).transpose(1, 2)
