"""TF-SepNet: half of the channels is convolved along frequency only, the other half along time only.

Notable features: each path has a depthwise convolution of length 3, averages its axis away, mixes channels where little
is left to multiply, and adds the result back to every position; a channel shuffle lets the halves exchange places
before each block; residual normalization after the stem and each stage; a 1x1 classifier before the global mean.

Source: Cai et al., "TF-SepNet: an efficient 1D kernel design in CNNs for low-complexity acoustic scene classification",
ICASSP 2024; code of yqcai888/DCASE2023 and yqcai888/easy_dcase_task1 for what the paper leaves open.
Shapes: B clips, C channels, F mel bands, T frames, K classes.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from tinyasc.errors import UserError
from tinyasc.mel import MelConfig
from tinyasc.models.layers.convolution import convolution
from tinyasc.models.layers.norms import AdaptiveResidualNorm, ResidualNorm
from tinyasc.models.registry import Size, architecture

WIDTHS = (1.0, 1.5, 2.0, 2.5)  # channels of the stages over base_channels
DEPTHS = (2, 2, 2, 3)  # their blocks


@dataclass(frozen=True)
class TFSepNetConfig:
    """Size and form of a TF-SepNet; the defaults are TF-SepNet-64 of DCASE 2024 (126,858 parameters)."""

    base_channels: int = 64
    """Channels of the first stage, tau in the paper; the stages have 1, 1.5, 2 and 2.5 times as many, the stem 2."""
    stem: Literal["3x3", "5x5"] = "3x3"
    """3x3: two convolutions, which quarter both axes (2024). 5x5: a single one, linear, which halves them (2023)."""
    pooled_stages: tuple[int, ...] = (2, 3, 4)
    """Stages that begin with a 2x2 max-pooling, of 1 to 4. The paper and 2023 have (2, 3)."""
    adaptive_norm: bool = False
    """The share of a clip's own level in the residual normalization is learned (the paper and 2023), or 0.1."""
    shuffle_groups: int | None = None
    """Groups that the channels are dealt to before each block, 10 in 2023; none: half as many groups as channels."""
    dropout: float = 0.1
    """Share of what a path adds that is left out in training, 0.2 in 2023."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "pooled_stages", tuple(self.pooled_stages))  # JSON and YAML know lists only
        if self.base_channels < 4 or self.base_channels % 4:
            raise UserError(
                f"base_channels is {self.base_channels}: give a multiple of 4, so that all stages have halves"
            )
        if self.stem not in ("3x3", "5x5"):
            raise UserError(f"stem is {self.stem!r}: take 3x3 or 5x5")
        if unknown := sorted(set(self.pooled_stages) - {1, 2, 3, 4}):
            raise UserError(f"pooled_stages name {', '.join(map(str, unknown))}: the stages are 1 to 4")
        channels = [int(self.base_channels * width) for width in WIDTHS]
        groups = self.shuffle_groups
        if groups is not None and (groups < 1 or any(count % groups for count in channels)):
            listed = ", ".join(map(str, channels))
            raise UserError(f"shuffle_groups is {groups}: take a divisor of the stages' channels, {listed}")
        if not 0 <= self.dropout < 1:
            raise UserError(f"dropout is {self.dropout:g}: take 0 to below 1")


MEL_2024 = MelConfig(n_mels=512, f_max=16_000.0)  # CpMel of yqcai888/easy_dcase_task1: 512 x 64
FORM_2023 = {"pooled_stages": [2, 3], "adaptive_norm": True}


def _of_the_paper(base_channels: int) -> Size:
    return Size("TF-SepNet (Cai et al., 2024)", {"base_channels": base_channels, **FORM_2023})


def _of_2024(base_channels: int) -> Size:
    source = "XJTLU, DCASE 2024: the student, and other widths of its code"
    return Size(source, {"base_channels": base_channels}, MEL_2024)


@architecture(
    "tf_sepnet",
    TFSepNetConfig,
    classifier="head",
    front_ends={"tf_sepnet": MEL_2024},
    sizes={
        "tf_sepnet_2023": Size(
            "XJTLU, DCASE 2023",
            {"base_channels": 40, "stem": "5x5", **FORM_2023, "shuffle_groups": 10, "dropout": 0.2},
        ),
        "tf_sepnet_paper_40": _of_the_paper(40),
        "tf_sepnet_paper_80": _of_the_paper(80),
        "tf_sepnet_64": _of_2024(64),
        "tf_sepnet_48": _of_2024(48),
        "tf_sepnet_40": _of_2024(40),
        "tf_sepnet_32": _of_2024(32),
    },
    order=3,
)
class TFSepNet(nn.Module):
    """Log-mel (B, 1, F, T) -> logits (B, K)."""

    def __init__(self, config: TFSepNetConfig, n_classes: int) -> None:
        super().__init__()
        base = config.base_channels
        channels = 2 * base
        self.stem = (
            nn.Conv2d(1, channels, 5, stride=2, padding=2, bias=False)
            if config.stem == "5x5"
            else nn.Sequential(
                convolution(1, base // 2, 3, stride=2), convolution(base // 2, channels, 3, stride=2, groups=base // 2)
            )
        )
        self.stages = nn.Sequential(_norm(channels, config))
        for stage, (width, depth) in enumerate(zip(WIDTHS, DEPTHS, strict=True), start=1):
            if stage in config.pooled_stages:
                self.stages.append(nn.MaxPool2d(2))
            for _ in range(depth):
                outputs = int(base * width)
                self.stages.append(SeparateConvolutions(channels, outputs, config))
                channels = outputs
            self.stages.append(_norm(channels, config))
        self.head = nn.Conv2d(channels, n_classes, 1)

    def forward(self, log_mel: Tensor) -> Tensor:
        x = self.stem(log_mel)  # (B, C, F / 4, T / 4) with the default stem
        x = self.stages(x)  # (B, C, F / 32, T / 32) with the default poolings
        return self.head(x).mean((2, 3))


class SeparateConvolutions(nn.Module):
    """TF-SepConvs, the paper's block: (B, inputs, F, T) -> (B, C, F, T)."""

    def __init__(self, inputs: int, channels: int, config: TFSepNetConfig) -> None:
        super().__init__()
        half = channels // 2
        self.transition = nn.Identity() if inputs == channels else convolution(inputs, channels, 1)
        self.shuffle_groups = config.shuffle_groups or half
        self.frequency_depthwise = convolution(half, half, (3, 1), groups=half)
        self.frequency_pointwise = convolution(half, half, 1)
        self.time_depthwise = convolution(half, half, (1, 3), groups=half)
        self.time_pointwise = convolution(half, half, 1)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = channel_shuffle(self.transition(x), self.shuffle_groups)  # (B, C, F, T)
        frequency, time = x.chunk(2, dim=1)  # (B, C / 2, F, T) each
        spectra = self.frequency_depthwise(frequency).mean(2, keepdim=True)  # (B, C / 2, 1, T)
        frequency = frequency + self.dropout(self.frequency_pointwise(spectra))
        courses = self.time_depthwise(time).mean(3, keepdim=True)  # (B, C / 2, F, 1)
        time = time + self.dropout(self.time_pointwise(courses))
        return torch.cat((frequency, time), dim=1)


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """Channel i moves to group i mod `groups`, in order: (B, C, F, T) -> same shape; `groups` divides C.

    Source: Zhang et al., "ShuffleNet", 2018.
    """
    clips, channels, bands, frames = x.shape
    # one axis for all positions: four axes are what every runtime transposes
    rows = x.reshape(clips, channels // groups, groups, bands * frames)
    return rows.transpose(1, 2).reshape(clips, channels, bands, frames)


def _norm(channels: int, config: TFSepNetConfig) -> nn.Module:
    return AdaptiveResidualNorm(channels) if config.adaptive_norm else ResidualNorm()
