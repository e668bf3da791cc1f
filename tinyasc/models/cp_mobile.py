"""CP-Mobile: the factorized-convolution student for low-complexity acoustic scene classification.

Notable features: two strided 3x3 convolutions halve both axes twice; inverted residual blocks (1x1 expand, 3x3
depthwise, 1x1 project) with a pooled shortcut where the stride is not 1; an optional global response norm after each
block; a 1x1 classifier before the global mean, so that the mean is the last operation. No attention, only ReLU.

Source: Schmid et al., "CP-JKU submission to DCASE23: efficient acoustic scene classification with CP-Mobile", 2023.
Shapes: B clips, C channels, F mel bands, T frames, K classes.
"""

from dataclasses import dataclass, field

from torch import Tensor, nn

from tinyasc.errors import UserError
from tinyasc.models.layers.convolution import convolution
from tinyasc.models.layers.grn import GlobalResponseNorm


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

    def __post_init__(self) -> None:
        # JSON and YAML know lists only
        object.__setattr__(self, "n_blocks", tuple(self.n_blocks))
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


def round_channels(channels: float, divisor: int = 8) -> int:
    """The multiple of `divisor` nearest to `channels`, never below 90 % of it (the MobileNet rule)."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


class CPMobile(nn.Module):
    """Log-mel (B, 1, F, T) -> logits (B, K)."""

    def __init__(self, config: CPMobileConfig, n_classes: int) -> None:
        super().__init__()
        base = config.base_channels
        self.stem = nn.Sequential(
            convolution(1, base // 4, kernel=3, stride=(2, 2)), convolution(base // 4, base, kernel=3, stride=(2, 2))
        )
        self.stages = nn.Sequential()
        channels, block = base, 0
        for stage, depth in enumerate(config.n_blocks):
            width = round_channels(base * config.channels_multiplier**stage)
            blocks = nn.Sequential()
            for _ in range(depth):
                block += 1
                stride = config.strides.get(f"b{block}", (1, 1))
                blocks.add_module(f"b{block}", Block(channels, width, stride, config))
                channels = width
            self.stages.add_module(f"s{stage + 1}", blocks)
        self.head = convolution(channels, n_classes, kernel=1, activation=None)
        self.apply(_initialize)

    def forward(self, log_mel: Tensor) -> Tensor:
        x = self.stem(log_mel)  # (B, C, F / 4, T / 4)
        x = self.stages(x)  # (B, C, F / 16, T / 8) with the default strides
        return self.head(x).mean((2, 3))


class Block(nn.Module):
    """Inverted residual block: expand, depthwise, project, shortcut where the channels allow it, norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, int], config: CPMobileConfig) -> None:
        super().__init__()
        inner = round_channels(inputs * config.expansion_rate)
        self.block = nn.Sequential(
            convolution(inputs, inner, kernel=1),
            convolution(inner, inner, kernel=3, stride=stride, groups=inner),
            convolution(inner, outputs, kernel=1, activation=None),
        )
        self.residual = inputs == outputs
        self.shortcut = nn.Identity() if stride == (1, 1) else nn.AvgPool2d(3, stride, padding=1)
        self.norm = GlobalResponseNorm() if config.global_response_norm else nn.Identity()
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
