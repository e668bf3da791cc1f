"""Adaptive residual normalization: residual normalization whose share of the clip's own level is learned per channel.

Source: Cai et al., "Device simulation and time-frequency separable convolution for acoustic scene classification",
DCASE 2023 Task 1.
Shapes: B clips, C channels, F frequency bands, T frames.
"""

import torch
from torch import Tensor, nn

from tinyasc.models.layers.rfn import instance_frequency_norm


class AdaptiveResidualNorm(nn.Module):
    """(B, C, F, T) -> same shape: gamma * (rho * x + (1 - rho) * IFN(x)) + beta, 3 C parameters.

    IFN is standardized over (C, T) of each band; rho starts at one half.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.rho = nn.Parameter(torch.full((1, channels, 1, 1), 0.5))
        self.gamma = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        mixed = self.rho * x + (1 - self.rho) * instance_frequency_norm(x)
        return self.gamma * mixed + self.beta
