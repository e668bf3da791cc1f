"""MobileViT for spectrograms: inverted residuals, and in the last three stages a transformer between convolutions.

Notable features: a MobileViT block unfolds its feature map into patches of 2 x 2, lets a transformer of depth 2, 4 or 3
look across all patches, folds it back and fuses it with its input by a full 3x3 convolution. SiLU throughout. The
published sizes are for pictures; one input channel instead of three makes them hear. None fits the DCASE limits.

Source: Mehta and Rastegari, "MobileViT: light-weight, general-purpose, and mobile-friendly vision transformer", 2022,
with random weights drawn as there, and without its dropout. Parameters agree with timm.
Shapes: B clips, C channels, F mel bands, T frames, K classes.
"""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from tinyasc.errors import UserError
from tinyasc.models.layers.convolution import InvertedResidual, convolution
from tinyasc.models.layers.transformer import PatchTransformer
from tinyasc.models.registry import Size, architecture

STEM_CHANNELS = 16
HEADS = 4
DEPTHS = (2, 4, 3)
LAST_EXPANSION = 4  # of the 1x1 convolution before the classifier


@dataclass(frozen=True)
class MobileViTConfig:
    """Size of a MobileViT; the defaults are XXS (953,946 parameters with 10 classes)."""

    channels: tuple[int, int, int, int, int] = (16, 24, 48, 64, 80)
    """Channels of the five stages."""
    transformer_channels: tuple[int, int, int] = (64, 80, 96)
    """Width of the transformers of the last three stages, multiples of their 4 heads."""
    expansion: int = 2
    """Channels inside an inverted residual over those that enter it."""
    input_channels: int = 1
    """One for a spectrogram; three for a picture, as published."""

    def __post_init__(self) -> None:
        # JSON and YAML know lists only
        object.__setattr__(self, "channels", tuple(self.channels))
        object.__setattr__(self, "transformer_channels", tuple(self.transformer_channels))
        if len(self.channels) != 5 or len(self.transformer_channels) != 3:
            raise UserError("give five numbers for channels and three for transformer_channels")
        if min(*self.channels, *self.transformer_channels, self.expansion, self.input_channels) < 1:
            raise UserError("channels, transformer_channels, expansion and input_channels must be at least 1")
        if any(channels % HEADS for channels in self.transformer_channels):
            raise UserError(f"transformer_channels are {self.transformer_channels}: give multiples of {HEADS}")


def _published(channels: list[int], transformer_channels: list[int], expansion: int) -> Size:
    config = {"channels": channels, "transformer_channels": transformer_channels, "expansion": expansion}
    return Size("MobileViT (Mehta and Rastegari, 2022), for one input channel", config)


@architecture(
    "mobilevit",
    MobileViTConfig,
    classifier="classifier",
    sizes={
        "mobilevit_xxs": _published([16, 24, 48, 64, 80], [64, 80, 96], 2),
        "mobilevit_xs": _published([32, 48, 64, 80, 96], [96, 120, 144], 4),
        "mobilevit_s": _published([32, 64, 96, 128, 160], [144, 192, 240], 4),
    },
)
class MobileViT(nn.Module):
    """Log-mel (B, 1, F, T) -> logits (B, K)."""

    def __init__(self, config: MobileViTConfig, n_classes: int) -> None:
        super().__init__()
        channels = config.channels
        block = partial(InvertedResidual, expansion=config.expansion, activation=nn.SiLU)
        self.layers = nn.Sequential(
            convolution(config.input_channels, STEM_CHANNELS, 3, stride=2, activation=nn.SiLU),
            block(STEM_CHANNELS, channels[0]),  # (B, C, F / 2, T / 2)
            block(channels[0], channels[1], stride=2),
            block(channels[1], channels[1]),
            block(channels[1], channels[1]),  # (B, C, F / 4, T / 4)
        )
        for (inputs, outputs), width, depth in zip(
            pairwise(channels[1:]), config.transformer_channels, DEPTHS, strict=True
        ):
            self.layers.append(block(inputs, outputs, stride=2))
            self.layers.append(MobileViTBlock(outputs, width, depth))  # (B, C, F / 8, T / 8), a 16th, a 32nd
        embedding_channels = LAST_EXPANSION * channels[-1]
        self.layers.append(convolution(channels[-1], embedding_channels, 1, activation=nn.SiLU))
        self.classifier = nn.Linear(embedding_channels, n_classes)
        self.apply(_initialize)

    def forward(self, log_mel: Tensor) -> Tensor:
        x = self.layers(log_mel)  # (B, C, F / 32, T / 32)
        return self.classifier(x.mean((2, 3)))


class MobileViTBlock(nn.Module):
    """Local features, a transformer on them, fused with the input: (B, C, F, T) -> same shape."""

    def __init__(self, channels: int, transformer_channels: int, depth: int) -> None:
        super().__init__()
        self.local = nn.Sequential(
            convolution(channels, channels, 3, activation=nn.SiLU),
            nn.Conv2d(channels, transformer_channels, 1, bias=False),
        )
        self.transformer = PatchTransformer(
            transformer_channels,
            depth=depth,
            heads=HEADS,
            mlp_channels=2 * transformer_channels,
            bias=True,
            final_norm=True,
            activation=nn.SiLU,
        )
        self.projection = convolution(transformer_channels, channels, 1, activation=nn.SiLU)
        self.fusion = convolution(2 * channels, channels, 3, activation=nn.SiLU)

    def forward(self, x: Tensor) -> Tensor:
        y = self.transformer(self.local(x))  # (B, transformer channels, F, T)
        return self.fusion(torch.cat([x, self.projection(y)], 1))


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    elif isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
