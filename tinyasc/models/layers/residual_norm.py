"""Residual normalization: instance normalization per frequency beside a shortcut that keeps some of the clip's level.

Source: Kim et al., "Domain generalization on efficient acoustic scene classification using residual normalization",
2021 (BC-ResNet-ASC).
Shapes: B clips, C channels, F frequency bands, T frames.
"""

from torch import Tensor, nn

from tinyasc.models.layers.rfn import instance_frequency_norm


class ResidualNorm(nn.Module):
    """(B, C, F, T) -> same shape: weight * x + IFN(x), IFN standardized over (C, T) of each band; no parameters."""

    def __init__(self, weight: float = 0.1) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x + instance_frequency_norm(x)
