"""MobileAST-light: three inverted residuals and one small MobileViT block, a student for a PaSST teacher.

Notable features: the block is of MobileViT's third version: depthwise instead of full convolutions around the
transformer, 1x1 fusion with the local features instead of the input, and the input added at the end. It works on a map
of a 32nd of the spectrogram's points, so the transformer costs little. A classifier without bias ends it.

Source: KmjGeorge/DCASE2023, whose three light configurations are the sizes here; Wadekar and Chaurasia, "MobileViTv3:
mobile-friendly vision transformer with simple and effective fusion of local, global and input features", 2022. In that
code the residuals of the transformer start after the layer norm, and heads are cut across tokens; here both are as in
the paper, which changes no figure.
Shapes: B clips, C channels, F mel bands, T frames, K classes.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from tinyasc.errors import UserError
from tinyasc.mel import MelConfig
from tinyasc.models.layers.convolution import InvertedResidual, convolution
from tinyasc.models.layers.transformer import PatchTransformer
from tinyasc.models.registry import Size, architecture

STEM_CHANNELS = 32
LAST_CHANNELS = 64
HEADS = 4
DEPTH = 2
MLP_CHANNELS = 64
ACTIVATIONS = {"relu": nn.ReLU, "silu": nn.SiLU}


@dataclass(frozen=True)
class MobileASTConfig:
    """Size of a MobileAST-light; the defaults are light 1 with ReLU (57,216 parameters)."""

    channels: tuple[int, int] = (64, 64)
    """Channels after the first and after the second inverted residual."""
    expansions: tuple[int, int, int] = (1, 1, 1)
    """Channels inside the three inverted residuals over those that enter them."""
    transformer_channels: int = 32
    """Width of the transformer, a multiple of its 4 heads."""
    embedding_channels: int = 216
    """What the classifier reads."""
    activation: Literal["relu", "silu"] = "relu"
    """After convolutions and inside the transformer."""

    def __post_init__(self) -> None:
        # JSON and YAML know lists only
        object.__setattr__(self, "channels", tuple(self.channels))
        object.__setattr__(self, "expansions", tuple(self.expansions))
        if len(self.channels) != 2 or len(self.expansions) != 3:
            raise UserError("give two numbers for channels and three for expansions")
        if min(*self.channels, *self.expansions, self.transformer_channels, self.embedding_channels) < 1:
            raise UserError("channels, expansions, transformer_channels and embedding_channels must be at least 1")
        if self.transformer_channels % HEADS:
            raise UserError(f"transformer_channels is {self.transformer_channels}: give a multiple of {HEADS}")
        if self.activation not in ACTIVATIONS:
            raise UserError(f"activation is {self.activation!r}: choose from {', '.join(ACTIVATIONS)}")


LIGHT_MEL = MelConfig(n_fft=2048, win_length=2000, f_max=16_000.0)  # 256 x 64
DEFAULT_MEL = MelConfig(n_fft=1024, win_length=1000, n_mels=128, f_max=16_000.0)  # default of that code: 128 x 64


def _light(
    channels: list[int], expansions: list[int], transformer_channels: int, embedding_channels: int, activation: str
) -> Size:
    config = {"channels": channels, "expansions": expansions, "transformer_channels": transformer_channels}
    config |= {"embedding_channels": embedding_channels, "activation": activation}
    return Size("KmjGeorge/DCASE2023", config, LIGHT_MEL)


@architecture(
    "mobileast",
    MobileASTConfig,
    classifier="classifier",
    front_ends={"mobileast_light": LIGHT_MEL, "seed_128": DEFAULT_MEL},
    sizes={
        "mobileast_light1_silu": _light([64, 64], [1, 1, 1], 32, 160, "silu"),
        "mobileast_light1_relu": _light([64, 64], [1, 1, 1], 32, 216, "relu"),
        "mobileast_light2_silu": _light([32, 32], [2, 1, 2], 32, 160, "silu"),
        "mobileast_light2_relu": _light([32, 32], [2, 1, 2], 32, 224, "relu"),
        "mobileast_light3_silu": _light([32, 32], [1, 1, 1], 48, 128, "silu"),
        "mobileast_light3_relu": _light([32, 32], [1, 1, 1], 48, 192, "relu"),
    },
)
class MobileAST(nn.Module):
    """Log-mel (B, 1, F, T) -> logits (B, K)."""

    def __init__(self, config: MobileASTConfig, n_classes: int) -> None:
        super().__init__()
        activation = ACTIVATIONS[config.activation]
        first, second = config.channels
        expansions = config.expansions
        self.layers = nn.Sequential(
            convolution(1, STEM_CHANNELS, 3, stride=2, activation=activation),  # (B, 32, F / 2, T / 2)
            InvertedResidual(STEM_CHANNELS, first, expansion=expansions[0], activation=activation),
            InvertedResidual(first, second, expansion=expansions[1], activation=activation, stride=2),
            nn.MaxPool2d((2, 1)),  # (B, C, F / 8, T / 4)
            MobileASTBlock(second, config.transformer_channels, activation),
            InvertedResidual(second, LAST_CHANNELS, expansion=expansions[2], activation=activation, stride=2),
            convolution(LAST_CHANNELS, config.embedding_channels, 1, activation=activation),  # (B, C, F / 16, T / 8)
        )
        self.classifier = nn.Linear(config.embedding_channels, n_classes, bias=False)

    def forward(self, log_mel: Tensor) -> Tensor:
        x = self.layers(log_mel)  # (B, C, F / 16, T / 8)
        return self.classifier(x.mean((2, 3)))


class MobileASTBlock(nn.Module):
    """Local features, a transformer on them, both fused and added to the input: (B, C, F, T) -> same shape."""

    def __init__(self, channels: int, transformer_channels: int, activation: type[nn.Module]) -> None:
        super().__init__()
        self.local = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels), nn.Conv2d(channels, transformer_channels, 1)
        )
        self.transformer = PatchTransformer(
            transformer_channels,
            depth=DEPTH,
            heads=HEADS,
            mlp_channels=MLP_CHANNELS,
            bias=False,
            final_norm=False,
            activation=activation,
        )
        self.projection = convolution(transformer_channels, channels, 1, activation=activation)
        self.fusion = convolution(channels + transformer_channels, channels, 1, activation=activation)

    def forward(self, x: Tensor) -> Tensor:
        local = self.local(x)  # (B, transformer channels, F, T)
        y = self.projection(self.transformer(local))  # (B, C, F, T)
        return x + self.fusion(torch.cat([y, local], 1))
