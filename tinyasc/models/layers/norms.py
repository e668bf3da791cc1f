"""Normalizations of networks for spectrograms: what a recording device does to a sound is mostly a gain per frequency.

Instance statistics per frequency carry that gain, so removing them makes devices alike; but they tell scenes apart too,
so residual normalization keeps a part of the clip's own level.
Shapes: B clips, C channels, F frequency bands, T frames, S bands of neighbouring frequencies.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tinyasc.errors import UserError


def instance_frequency_norm(x: Tensor) -> Tensor:
    """Standardized over (C, T) of each frequency band of each clip: (B, C, F, T) -> same shape.

    Source: Kim et al., "Domain generalization with relaxed instance frequency-wise normalization for multi-device
    acoustic scene classification", 2022.
    """
    return functional.instance_norm(x.transpose(1, 2)).transpose(1, 2)


class ResidualNorm(nn.Module):
    """(B, C, F, T) -> same shape: weight * x + IFN(x), IFN as above; no parameters.

    Source: Kim et al., "Domain generalization on efficient acoustic scene classification using residual normalization",
    2021 (BC-ResNet-ASC).
    """

    def __init__(self, weight: float = 0.1) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x + instance_frequency_norm(x)


class AdaptiveResidualNorm(nn.Module):
    """(B, C, F, T) -> same shape: gamma * (rho * x + (1 - rho) * IFN(x)) + beta, 3 C parameters.

    Residual normalization whose share of the clip's own level, rho, is learned per channel; it starts at one half.
    Source: Cai et al., "Device simulation and time-frequency separable convolution for acoustic scene classification",
    DCASE 2023 Task 1.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.rho = nn.Parameter(torch.full((1, channels, 1, 1), 0.5))
        self.gamma = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        mixed = self.rho * x + (1 - self.rho) * instance_frequency_norm(x)
        return self.gamma * mixed + self.beta


class SubSpectralNorm(nn.Module):
    """(B, C, F, T) -> same shape: batch norm of each channel in each of S bands, 2 C S parameters.

    Low and high frequencies differ much in level and spread; one batch norm over both fits neither.
    Source: Chang et al., "SubSpectral normalization for neural audio data processing", 2021.

    Raises:
        UserError: F is no multiple of the bands.
    """

    def __init__(self, channels: int, bands: int) -> None:
        super().__init__()
        self.bands = bands
        self.norm = nn.BatchNorm2d(channels * bands)

    def forward(self, x: Tensor) -> Tensor:
        clips, channels, rows, frames = x.shape
        if rows % self.bands:
            raise UserError(f"sub-spectral norm: {rows} frequency rows do not divide into {self.bands} bands")
        banded = x.reshape(clips, channels * self.bands, rows // self.bands, frames)  # (B, C S, F / S, T)
        return self.norm(banded).reshape(clips, channels, rows, frames)


class GlobalResponseNorm(nn.Module):
    """(B, C, F, T) -> same shape: gamma * x * n + beta + x, n = ||x||_2 over (F, T) by its mean over C.

    Each channel is scaled by its energy over the whole map, relative to the mean energy of all channels.
    Source: Woo et al., "ConvNeXt V2", 2023; one gamma and one beta for all channels as in CP-Mobile (Schmid et al.,
    2023).
    """

    def __init__(self, epsilon: float = 1e-6) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))
        self.beta = nn.Parameter(torch.zeros(1))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        energy = torch.linalg.vector_norm(x, dim=(2, 3), keepdim=True)  # (B, C, 1, 1)
        relative = energy / (energy.mean(1, keepdim=True) + self.epsilon)
        # Under autocast the norm is float32; the map keeps the precision it came in.
        return torch.addcmul(self.beta.to(x.dtype), x, (1 + self.gamma * relative).to(x.dtype))
