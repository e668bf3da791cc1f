"""CP-ResNet: a residual network whose receptive field is a setting; student of 2022, teacher of 2023.

Notable features: a strided 5x5 convolution; three stages of basic residual blocks, with max pooling in the first only;
rho chooses which convolutions are 3x3 and which 1x1, and so how much of the spectrogram one output sees, without a
change of depth: too large a receptive field overfits to recordings. Grouped convolutions and cut channels fit it to a
limit. A 1x1 classifier before the global mean. Frequency damping as an option.

Sources: Koutini et al., "Receptive field regularization techniques for audio classification and tagging with deep
convolutional neural networks", 2021; Schmid et al., "Knowledge distillation from transformers for low-complexity
acoustic scene classification", 2022 (the sizes); Zhang et al., "Fixup initialization", 2019.
Shapes: B clips, C channels, F mel bands, T frames, K classes.
"""

from dataclasses import dataclass
from itertools import islice, pairwise

import torch
from torch import Tensor, nn

from tinyasc.errors import UserError
from tinyasc.mel import MelConfig
from tinyasc.models.layers.convolution import convolution
from tinyasc.models.layers.frequency_damping import damp
from tinyasc.models.registry import Size, architecture


@dataclass(frozen=True)
class CPResNetConfig:
    """Size of a CP-ResNet; the defaults are the student of 2022 (127,684 parameters)."""

    rho: int = 8
    """Receptive field: how far into the network convolutions are 3x3, see `kernel_size`."""
    base_channels: int = 32
    """Channels of the first stage; the second has twice, the third four times as many, less what is cut."""
    cut_channels: tuple[int, int] = (0, 36)
    """Channels taken from the second and from the third stage."""
    n_blocks: tuple[int, int, int] = (2, 1, 1)
    """Blocks of each stage, 1 or 2."""
    groups: tuple[int, int, int] = (1, 2, 1)
    """Groups of all convolutions of each stage."""
    pool_after: tuple[int, ...] = (0, 1, 2)
    """Blocks of the first stage after which frequency is halved by max pooling; 0 = before the first block, where time
    is halved too. The published list has a 4 as well, of the time when the stage had four blocks."""
    frequency_damping: float | None = None
    """What is left of a kernel's weights at its upper and lower edge (see layers/frequency_damping; published: 0.01);
    none = no damping."""
    channels: tuple[int, ...] | None = None
    """What pruning left: channels of the stem, then of the two convolutions of each block; none: as the settings above
    have it, which tell in any case where shortcuts have a convolution."""

    def __post_init__(self) -> None:
        for name in ("cut_channels", "n_blocks", "groups", "pool_after"):  # JSON and YAML know lists only
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "channels", None if self.channels is None else tuple(self.channels))
        if self.rho < 1:
            raise UserError(f"rho is {self.rho}: take 1 (only the first block has a 3x3 convolution) or more")
        if (len(self.n_blocks), len(self.groups), len(self.cut_channels)) != (3, 3, 2):
            raise UserError("give n_blocks and groups of three stages, and cut_channels of the last two")
        if not set(self.n_blocks) <= {1, 2}:
            raise UserError(f"n_blocks is {self.n_blocks}: take 1 or 2 for each stage; rho is not defined for others")
        widths = (self.base_channels, *self.widths)
        if min(widths) < 1:
            raise UserError(f"base_channels {self.base_channels} less cut_channels {self.cut_channels} leave none")
        for stage, groups in enumerate(self.groups):
            if groups < 1 or widths[stage] % groups or widths[stage + 1] % groups:
                raise UserError(
                    f"channels {widths[stage]} to {widths[stage + 1]} of stage {stage + 1} "
                    f"do not divide into {groups} groups"
                )
        if not set(self.pool_after) <= set(range(self.n_blocks[0] + 1)):
            raise UserError(f"pool_after is {self.pool_after}: the first stage has positions 0 to {self.n_blocks[0]}")
        if self.frequency_damping is not None and not 0 <= self.frequency_damping < 1:
            raise UserError(f"frequency_damping is {self.frequency_damping}: take 0 to below 1, published is 0.01")
        if self.channels is not None:
            self._check_pruned(self.channels)

    def _check_pruned(self, channels: tuple[int, ...]) -> None:
        count = 1 + 2 * sum(self.n_blocks)
        if len(channels) != count or min(channels) < 1:
            raise UserError(f"channels has {len(channels)} numbers: give {count}, all at least 1")
        ends = pairwise(channels[::2])
        blocks = zip(ends, self.block_widths, self.identity, self._of_blocks(self.groups), strict=True)
        for block, ((inputs, outputs), (inner, _), identity, groups) in enumerate(blocks, start=1):
            if identity and inputs != outputs:
                raise UserError(f"channels change from {inputs} to {outputs} in block {block}, which adds its input")
            if any(width % groups for width in (inputs, inner, outputs)):
                raise UserError(f"channels of block {block} do not divide into {groups} groups")

    @property
    def widths(self) -> tuple[int, int, int]:
        """Channels of each stage before any pruning."""
        base, (second, third) = self.base_channels, self.cut_channels
        return base, 2 * base - second, 4 * base - third

    @property
    def block_widths(self) -> list[tuple[int, int]]:
        """Of each block: channels of its first and of its second convolution."""
        if self.channels is None:
            return [(width, width) for width in self._of_blocks(self.widths)]
        return list(zip(self.channels[1::2], self.channels[2::2], strict=True))

    @property
    def identity(self) -> list[bool]:
        """Of each block: whether its shortcut is its input itself."""
        return [inputs == outputs for inputs, outputs in pairwise([self.base_channels, *self._of_blocks(self.widths)])]

    def _of_blocks(self, of_stages: tuple[int, ...]) -> list[int]:
        return [value for value, depth in zip(of_stages, self.n_blocks, strict=True) for _ in range(depth)]


def kernel_size(rho: int, stage: int, block: int, position: int) -> int:
    """3 or 1, for the first (position 0) or second (1) convolution of a block; stages and blocks are counted from 0.

    The rule of the published code: convolutions are numbered from 0 through stages of two blocks each, also where there
    is one block only. Number 0 is always 3x3, number 1 never, the others up to rho.
    """
    number = 4 * stage + 2 * block + position
    return 3 if number == 0 or 2 <= number <= rho else 1


STUDENT_MEL = MelConfig(n_fft=2048, win_length=2048, hop_length=744, f_max=16_000.0)  # 2022, cpjku_dcase22: 256 x 44
TEACHER_MEL = MelConfig(hop_length=750)  # 2023: 256 x 43


def _published(**config: int) -> Size:
    return Size("CP-JKU, DCASE 2023: other settings of the published code", config, TEACHER_MEL)


@architecture(
    "cp_resnet",
    CPResNetConfig,
    classifier="head",
    front_ends={"cp_resnet": TEACHER_MEL, "cp_resnet_2022": STUDENT_MEL},
    sizes={
        "cp_resnet_2022": Size("CP-JKU, DCASE 2022: the student", {}, STUDENT_MEL),
        "cp_resnet_2023_teacher": Size("CP-JKU, DCASE 2023: a teacher", {}, TEACHER_MEL),
        "cp_resnet_rho4": _published(rho=4),
        "cp_resnet_rho6": _published(rho=6),
        "cp_resnet_rho12": _published(rho=12),
        "cp_resnet_base64": _published(base_channels=64),
        "cp_resnet_base128": _published(base_channels=128),
        "cp_resnet_damped": Size(
            "CP-JKU, DCASE 2020: frequency damping, on the network of 2022", {"frequency_damping": 0.01}, STUDENT_MEL
        ),
    },
    prunable=r"stem\.0|stages\.\d\.\d\.(first|second)\.0",
    order=2,
)
class CPResNet(nn.Module):
    """Log-mel (B, 1, F, T) -> logits (B, K)."""

    def __init__(self, config: CPResNetConfig, n_classes: int) -> None:
        super().__init__()
        channels = config.base_channels if config.channels is None else config.channels[0]
        # the padding is one short of "same", as published
        self.stem = convolution(1, channels, kernel=5, stride=2, padding=1)
        self.stages = nn.Sequential()
        sizes = zip(config.block_widths, config.identity, strict=True)
        for stage, depth in enumerate(config.n_blocks):
            layers = nn.Sequential()
            if stage == 0 and 0 in config.pool_after:
                layers.append(nn.MaxPool2d((2, 2)))
            for block, (widths, identity) in enumerate(islice(sizes, depth)):
                kernels = tuple(kernel_size(config.rho, stage, block, position) for position in (0, 1))
                layers.append(Block(channels, widths, kernels, config.groups[stage], identity))
                channels = widths[1]
                if stage == 0 and block + 1 in config.pool_after:
                    layers.append(nn.MaxPool2d((2, 1)))
            self.stages.append(layers)
        self.head = convolution(channels, n_classes, kernel=1, activation=None)
        _initialize(self, sum(config.n_blocks))
        if config.frequency_damping is not None:
            damp(self, config.frequency_damping)

    def forward(self, log_mel: Tensor) -> Tensor:
        x = self.stem(log_mel)  # (B, C, F / 2 - 1, T / 2 - 1)
        x = self.stages(x)  # (B, C, F / 16 - 1, T / 4 - 1) with the default pooling
        return self.head(x).mean((2, 3))


class Block(nn.Module):
    """Basic residual block: two convolutions, a shortcut (1x1 where the channels change), ReLU."""

    def __init__(
        self, inputs: int, widths: tuple[int, int], kernels: tuple[int, ...], groups: int, identity: bool
    ) -> None:
        super().__init__()
        inner, outputs = widths
        self.first = convolution(inputs, inner, kernels[0], groups=groups)
        self.second = convolution(inner, outputs, kernels[1], groups=groups, activation=None)
        self.shortcut = nn.Identity() if identity else convolution(inputs, outputs, 1, groups=groups, activation=None)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.second(self.first(x)) + self.shortcut(x))


def _initialize(network: CPResNet, n_blocks: int) -> None:
    """Fixup, as published: the blocks start as their shortcuts, and all logits at zero."""
    for name, layer in network.named_modules():
        if not isinstance(layer, nn.Conv2d):
            continue
        mode = "fan_in" if name.startswith("stem.") else "fan_out"
        nn.init.kaiming_normal_(layer.weight, mode=mode, nonlinearity="relu")
        with torch.no_grad():
            if ".first." in name:
                layer.weight.mul_(n_blocks**-0.5)
            elif ".second." in name or name.startswith("head."):
                layer.weight.zero_()
