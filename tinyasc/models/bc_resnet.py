"""BC-ResNet: two-dimensional features along frequency, one-dimensional ones along time, broadcast back.

Notable features: a block convolves along frequency, averages frequency away, convolves along time and mixes channels on
that single row, and adds the row back to all frequencies; sub-spectral normalization; swish on the row. Two published
forms: for keywords, where time keeps its length and convolutions along it are dilated, and for acoustic scenes, with
pooling of both axes and residual normalization after the stem and each stage.

Source: Kim et al., "Broadcasted residual learning for efficient keyword spotting", 2021; for scenes Kim et al., "Domain
generalization on efficient acoustic scene classification using residual normalization", 2021, as
yqcai888/easy_dcase_task1 has it.
Shapes: B clips, C channels, F mel bands, T frames, K classes.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from tinyasc.errors import UserError
from tinyasc.mel import MelConfig
from tinyasc.models.layers.convolution import convolution
from tinyasc.models.layers.norms import ResidualNorm, SubSpectralNorm
from tinyasc.models.registry import Size, architecture

WIDTHS = (1.0, 1.5, 2.0, 2.5)  # channels of the stages over base_channels
DEPTHS = {"scenes": (2, 2, 2, 3), "keywords": (2, 2, 4, 4)}  # their blocks
DOWNSAMPLED = (1, 2)  # stages, counted from 0, that halve what they get


@dataclass(frozen=True)
class BCResNetConfig:
    """Size and form of a BC-ResNet; the defaults are those of easy_dcase_task1 for scenes (81,770 parameters)."""

    base_channels: int = 40
    """Channels of the first stage, 8 tau in the paper; the stages have 1, 1.5, 2 and 2.5 times as many, the stem 2."""
    form: Literal["scenes", "keywords"] = "scenes"
    """Form of the network, see the head of this file; the one for keywords is meant for 40 mel bands."""
    sub_bands: int = 1
    """Bands of the sub-spectral normalization: 5 for keywords; 1 is a batch norm."""
    dropout: float = 0.1
    """Share of the channels of a broadcast row that are left out in training."""

    def __post_init__(self) -> None:
        if self.base_channels < 2 or self.base_channels % 2:
            raise UserError(f"base_channels is {self.base_channels}: give an even number")
        if self.form not in DEPTHS:
            raise UserError(f"form is {self.form!r}: take {' or '.join(DEPTHS)}")
        if self.sub_bands < 1:
            raise UserError(f"sub_bands is {self.sub_bands}: take 1 or more")
        if not 0 <= self.dropout < 1:
            raise UserError(f"dropout is {self.dropout:g}: take 0 to below 1")


KEYWORDS_MEL = MelConfig(  # torchaudio's MelSpectrogram as Qualcomm-AI-research/bcresnet sets it, at 16 kHz: 40 x 101
    sample_rate=16_000,
    n_fft=512,
    win_length=480,
    hop_length=160,
    n_mels=40,
    f_max=8_000.0,
    pre_emphasis=0.0,
    log_offset=1e-6,
    shift=0.0,
    scale=1.0,
    bank="htk",
    window="periodic",
)


def _for_keywords(base_channels: int) -> Size:
    config = {"base_channels": base_channels, "form": "keywords", "sub_bands": 5}
    return Size("BC-ResNet (Kim et al., 2021), keywords", config, KEYWORDS_MEL, 12, 16_000, 16_000)


@architecture(
    "bc_resnet",
    BCResNetConfig,
    classifier="head",
    front_ends={"bc_resnet": KEYWORDS_MEL},
    sizes={
        "bc_resnet_1": _for_keywords(8),
        "bc_resnet_1_5": _for_keywords(12),
        "bc_resnet_2": _for_keywords(16),
        "bc_resnet_3": _for_keywords(24),
        "bc_resnet_6": _for_keywords(48),
        "bc_resnet_8": _for_keywords(64),
        "bc_resnet_asc": Size("BC-ResNet for scenes, as easy_dcase_task1 (XJTLU, 2024) has it"),
    },
    order=4,
)
class BCResNet(nn.Module):
    """Log-mel (B, 1, F, T) -> logits (B, K)."""

    def __init__(self, config: BCResNetConfig, n_classes: int) -> None:
        super().__init__()
        keywords = config.form == "keywords"
        channels = 2 * config.base_channels
        self.stem = (
            convolution(1, channels, 5, stride=(2, 1))
            if keywords
            else nn.Sequential(nn.Conv2d(1, channels, 5, stride=2, padding=2, bias=False), ResidualNorm())
        )
        self.stages = nn.Sequential()
        for stage, (width, depth) in enumerate(zip(WIDTHS, DEPTHS[config.form], strict=True)):
            if stage in DOWNSAMPLED and not keywords:
                self.stages.append(nn.MaxPool2d(2))
            for block in range(depth):
                outputs = int(config.base_channels * width)
                stride = 2 if keywords and stage in DOWNSAMPLED and block == 0 else 1
                dilation = 2**stage if keywords else 1
                self.stages.append(BroadcastBlock(channels, outputs, stride, dilation, config))
                channels = outputs
            if not keywords:
                self.stages.append(ResidualNorm())
        self.head = (
            nn.Sequential(
                # over the last five rows of frequency, which become one
                nn.Conv2d(channels, channels, 5, padding=(0, 2), groups=channels, bias=False),
                convolution(channels, 4 * config.base_channels, 1),
                nn.AdaptiveAvgPool2d(1),
                nn.Conv2d(4 * config.base_channels, n_classes, 1),
            )
            if keywords
            else nn.Sequential(nn.Conv2d(channels, n_classes, 1), nn.AdaptiveAvgPool2d(1))
        )

    def forward(self, log_mel: Tensor) -> Tensor:
        x = self.stem(log_mel)  # scenes (B, C, F / 2, T / 2); keywords (B, C, F / 2, T)
        x = self.stages(x)  # scenes (B, C, F / 8, T / 8); keywords (B, C, F / 8, T)
        return self.head(x).flatten(1)


class BroadcastBlock(nn.Module):
    """BC-ResBlock: (B, inputs, F, T) -> (B, C, F / stride, T); without shortcut where the channels change."""

    def __init__(self, inputs: int, channels: int, stride: int, dilation: int, config: BCResNetConfig) -> None:
        super().__init__()
        self.residual = inputs == channels
        self.transition = nn.Identity() if self.residual else convolution(inputs, channels, 1)
        self.frequency = nn.Sequential(
            nn.Conv2d(channels, channels, (3, 1), (stride, 1), padding=(1, 0), groups=channels, bias=False),
            # one band is a plain batch norm, which folds into its convolution
            SubSpectralNorm(channels, config.sub_bands) if config.sub_bands > 1 else nn.BatchNorm2d(channels),
        )
        self.time = nn.Sequential(
            nn.Conv2d(
                channels,
                channels,
                (1, 3),
                padding=(0, dilation),
                dilation=(1, dilation),
                groups=channels,
                bias=False,
            ),
            nn.BatchNorm2d(channels),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.Dropout2d(config.dropout),
        )
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = self.frequency(self.transition(x))  # (B, C, F / stride, T)
        y = y + self.time(y.mean(2, keepdim=True))  # a row (B, C, 1, T), added to all frequencies
        if self.residual:
            y = y + x
        return self.relu(y)
