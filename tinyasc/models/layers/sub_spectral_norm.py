"""Sub-spectral normalization: batch norm with statistics of its own for each of S bands of neighbouring frequencies.

Low and high frequencies differ much in level and spread; one batch norm over both fits neither.
Source: Chang et al., "SubSpectral normalization for neural audio data processing", 2021.
Shapes: B clips, C channels, F frequency rows, T frames, S bands.
"""

from torch import Tensor, nn

from tinyasc.errors import UserError


class SubSpectralNorm(nn.Module):
    """(B, C, F, T) -> same shape; scale and shift too belong to each channel and band, 2 C S parameters.

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
