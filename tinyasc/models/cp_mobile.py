"""CP-Mobile: the factorized-convolution student for low-complexity acoustic scene classification.

Notable features: two strided 3x3 convolutions halve both axes twice; inverted residual blocks (1x1 expand, 3x3
depthwise, 1x1 project) with a pooled shortcut where the stride is not 1; an optional global response norm after each
block; a 1x1 classifier before the global mean, so that the mean is the last operation. No attention, only ReLU.

Source: Schmid et al., "CP-JKU submission to DCASE23: efficient acoustic scene classification with CP-Mobile", 2023.
Shapes: B clips, C channels, F mel bands, T frames, K classes.
"""

from dataclasses import dataclass, field
from itertools import islice, pairwise

from torch import Tensor, nn

from tinyasc.errors import UserError
from tinyasc.mel import MelConfig
from tinyasc.models.layers.convolution import convolution
from tinyasc.models.layers.norms import GlobalResponseNorm
from tinyasc.models.registry import Size, architecture


@dataclass(frozen=True)
class CPMobileConfig:
    """Size of a CP-Mobile; the defaults are the published network (126,952 parameters)."""

    base_channels: int = 32
    """Channels of the first stage; the stem has a quarter of them."""
    channels_multiplier: float = 2.3
    """Growth of the channels from stage to stage."""
    expansion_rate: float = 3.0
    """Channels inside a block over the channels that enter it."""
    n_blocks: tuple[int, ...] = (3, 2, 1)
    """Blocks of each stage."""
    strides: dict[str, tuple[int, int]] = field(default_factory=lambda: {"b2": (2, 2), "b4": (2, 1)})
    """(frequency, time) stride of blocks, counted b1, b2, ... through all stages; 1 where not named."""
    global_response_norm: bool = True
    """Global response norm after each block. Without it the network has nothing but integer-friendly operations."""
    channels: tuple[int, ...] | None = None
    """What pruning left: channels of the two convolutions of the stem, then inside and after each block; none: as the
    settings above have it, which tell in any case where the shortcuts are."""

    def __post_init__(self) -> None:
        # JSON and YAML know lists only
        object.__setattr__(self, "n_blocks", tuple(self.n_blocks))
        object.__setattr__(self, "channels", None if self.channels is None else tuple(self.channels))
        object.__setattr__(self, "strides", {name: (pair[0], pair[1]) for name, pair in self.strides.items()})
        if self.base_channels < 8 or self.base_channels % 4:
            raise UserError(f"base_channels is {self.base_channels}: give a multiple of 4, at least 8")
        if min(self.channels_multiplier, self.expansion_rate) <= 0 or not self.n_blocks or min(self.n_blocks) < 1:
            raise UserError("channels_multiplier and expansion_rate must be positive, every stage needs a block")
        known = {f"b{number}" for number in range(1, sum(self.n_blocks) + 1)}
        if min((side for pair in self.strides.values() for side in pair), default=1) < 1:
            raise UserError("strides are 1 or more along both axes")
        if unknown := sorted(set(self.strides) - known):
            raise UserError(f"strides name {', '.join(unknown)}: the blocks are b1 to b{sum(self.n_blocks)}")
        if self.channels is not None:
            self._check_pruned(self.channels)

    def _check_pruned(self, channels: tuple[int, ...]) -> None:
        count = len(self.unpruned)
        if len(channels) != count or min(channels) < 1:
            raise UserError(f"channels has {len(channels)} numbers: give {count}, all at least 1")
        ends = pairwise(channels[1::2])
        for block, (residual, (inputs, outputs)) in enumerate(zip(self.residual, ends, strict=True), start=1):
            if residual and inputs != outputs:
                raise UserError(f"channels change from {inputs} to {outputs} in b{block}, which adds its input")

    @property
    def unpruned(self) -> tuple[int, ...]:
        """Channels before any pruning, in the order of `channels`."""
        widths = [self.base_channels // 4, self.base_channels]
        for stage, depth in enumerate(self.n_blocks):
            width = round_channels(self.base_channels * self.channels_multiplier**stage)
            for _ in range(depth):
                widths += [round_channels(widths[-1] * self.expansion_rate), width]
        return tuple(widths)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels as they are, in the order of `channels`."""
        return self.unpruned if self.channels is None else self.channels

    @property
    def residual(self) -> tuple[bool, ...]:
        """Of each block: whether its input is added to what it makes of it."""
        return tuple(inputs == outputs for inputs, outputs in pairwise(self.unpruned[1::2]))


def round_channels(channels: float, divisor: int = 8) -> int:
    """The multiple of `divisor` nearest to `channels`, never below 90 % of it (the MobileNet rule)."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def _published(base_channels: int, channels_multiplier: float, expansion_rate: float) -> Size:
    sizes = {"channels_multiplier": channels_multiplier, "expansion_rate": expansion_rate}
    return Size("CP-JKU, DCASE 2023", {"base_channels": base_channels, **sizes})


# torchaudio's MelSpectrogram as CPJKU/dcase2024_task1_baseline sets it: 256 x 65 in one second
BASELINE_MEL = MelConfig(f_max=16_000.0, pre_emphasis=0.0, shift=0.0, scale=1.0, bank="htk", window="periodic")


@architecture(
    "cp_mobile",
    CPMobileConfig,
    classifier="head",
    front_ends={"cp_mobile": MelConfig(), "baseline_2024": BASELINE_MEL},  # fschmid56/cpjku_dcase23: 256 x 64
    sizes={
        "cp_mobile_s1": _published(8, 1.9, 1.7),
        "cp_mobile_s2": _published(16, 1.5, 1.7),
        "cp_mobile_s3": _published(24, 1.5, 1.9),
        "cp_mobile_s4": _published(32, 1.7, 1.9),
        "cp_mobile_59k": _published(32, 1.8, 2.1),
        "cp_mobile_88k": _published(32, 2.1, 2.5),
        "cp_mobile": Size("CP-JKU, DCASE 2023: default of the published code"),
        "baseline_2024": Size(
            "baseline of DCASE 2024 and 2025",
            {
                "channels_multiplier": 1.8,
                "expansion_rate": 2.1,
                "strides": {"b2": [1, 1], "b3": [1, 2], "b4": [2, 1]},
                "global_response_norm": False,
            },
            BASELINE_MEL,
        ),
    },
    prunable=r"stem\.\d\.0|stages\.s\d+\.b\d+\.block\.[02]\.0",
    order=1,
)
class CPMobile(nn.Module):
    """Log-mel (B, 1, F, T) -> logits (B, K)."""

    def __init__(self, config: CPMobileConfig, n_classes: int) -> None:
        super().__init__()
        first, channels, *widths = config.widths
        self.stem = nn.Sequential(
            convolution(1, first, kernel=3, stride=(2, 2)), convolution(first, channels, kernel=3, stride=(2, 2))
        )
        self.stages = nn.Sequential()
        sizes = zip(widths[::2], widths[1::2], config.residual, strict=True)
        block = 0
        for stage, depth in enumerate(config.n_blocks):
            blocks = nn.Sequential()
            for inner, outputs, residual in islice(sizes, depth):
                block += 1
                stride = config.strides.get(f"b{block}", (1, 1))
                norm = config.global_response_norm
                blocks.add_module(f"b{block}", Block(channels, (inner, outputs), stride, residual=residual, norm=norm))
                channels = outputs
            self.stages.add_module(f"s{stage + 1}", blocks)
        self.head = convolution(channels, n_classes, kernel=1, activation=None)
        self.apply(_initialize)

    def forward(self, log_mel: Tensor) -> Tensor:
        x = self.stem(log_mel)  # (B, C, F / 4, T / 4)
        x = self.stages(x)  # (B, C, F / 16, T / 8) with the default strides
        return self.head(x).mean((2, 3))


class Block(nn.Module):
    """Inverted residual block: expand, depthwise, project, shortcut where the channels stay as many, norm, ReLU."""

    def __init__(
        self, inputs: int, widths: tuple[int, int], stride: tuple[int, int], *, residual: bool, norm: bool
    ) -> None:
        super().__init__()
        inner, outputs = widths
        self.block = nn.Sequential(
            convolution(inputs, inner, kernel=1),
            convolution(inner, inner, kernel=3, stride=stride, groups=inner),
            convolution(inner, outputs, kernel=1, activation=None),
        )
        self.residual = residual
        self.shortcut = nn.Identity() if stride == (1, 1) else nn.AvgPool2d(3, stride, padding=1)
        self.norm = GlobalResponseNorm() if norm else nn.Identity()
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = self.block(x)
        if self.residual:
            y = y + self.shortcut(x)
        return self.relu(self.norm(y))


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.ones_(module.weight)
        nn.init.zeros_(module.bias)
