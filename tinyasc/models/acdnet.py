"""ACDNet: a convolutional network that hears the waveform, without any front end.

Notable features: the spectral features are two strided convolutions along time, in the place of a filter bank, and a
max pooling that leaves one frame per 10 ms; their channels become the frequency axis of a picture, of which a small VGG
makes the temporal features: 3x3 convolutions in pairs, then max pooling of each axis that still has two points.

Source: Mohaimenuzzaman et al., "Environmental sound classification on the edge", 2023; Micro-ACDNet is what its filter
pruning leaves. The softmax at its end is left to the losses.
Shapes: B clips, S samples, C channels (C2 of the second convolution), T frames, K classes.
"""

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from tinyasc.errors import UserError
from tinyasc.models.layers.convolution import convolution
from tinyasc.models.registry import Size, architecture

FRAMES_PER_SECOND = 100
DECIMATION = 4  # of the two strided convolutions together


@dataclass(frozen=True)
class ACDNetConfig:
    """Size of an ACDNet and of the clips it is made for; the defaults are the published channels for one second."""

    samples: int = 32_000
    """Length of a clip."""
    sample_rate: int = 32_000
    """Samples per second, Hz."""
    channels: tuple[int, ...] = (8, 64, 32, 64, 64, 128, 128, 256, 256, 512, 512)
    """Channels of the convolutions: two along time, nine 3x3, and the 1x1 before the classifier, which has as many as
    there are classes if the twelfth number is left out."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(self.channels))  # JSON and YAML know lists only
        if len(self.channels) not in (11, 12) or min(self.channels) < 1:
            raise UserError(f"channels has {len(self.channels)} numbers: give 11 or 12, all at least 1")
        if self.pool < 1:
            raise UserError(
                f"sample_rate is {self.sample_rate} Hz: ACDNet takes at least {FRAMES_PER_SECOND * DECIMATION}"
            )
        least = DECIMATION * self.pool + 13  # gives one frame
        if self.samples < least:
            raise UserError(
                f"samples is {self.samples}: at {self.sample_rate} Hz ACDNet takes clips of at least {least} samples"
            )

    @property
    def pool(self) -> int:
        """Width of the max pooling that leaves one frame per 10 ms."""
        return self.sample_rate // (FRAMES_PER_SECOND * DECIMATION)

    @property
    def frames(self) -> int:
        """T of the spectral features."""
        after_first = (self.samples - 9) // 2 + 1
        after_second = (after_first - 5) // 2 + 1
        return after_second // self.pool


PUBLISHED = "ACDNet (Mohaimenuzzaman et al., 2023)"


def _published(source: str, samples: int, sample_rate: int, n_classes: int, **channels: list[int]) -> Size:
    config = {"samples": samples, "sample_rate": sample_rate, **channels}
    return Size(source, config, None, n_classes, sample_rate, samples)


@architecture(
    "acdnet",
    ACDNetConfig,
    classifier="classifier",
    takes_waveform=True,
    sizes={
        "acdnet": _published(f"{PUBLISHED}, for one second", 32_000, 32_000, 10),
        "acdnet_20k": _published(f"{PUBLISHED}, for one second", 20_000, 20_000, 10),
        "acdnet_esc50": _published(PUBLISHED, 30_225, 20_000, 50),
        "micro_acdnet": _published(
            f"Micro-{PUBLISHED}", 30_225, 20_000, 50, channels=[7, 20, 10, 14, 22, 31, 35, 41, 51, 67, 69, 48]
        ),
    },
    prunable=r"(spectral|temporal)\.\d+\.0|pointwise\.0",
)
class ACDNet(nn.Module):
    """Waveform (B, 1, 1, S) -> logits (B, K).

    Raises:
        UserError: clips of another length than the config's.
    """

    def __init__(self, config: ACDNetConfig, n_classes: int) -> None:
        super().__init__()
        self.samples = config.samples
        channels = (*config.channels, n_classes)[:12]
        self.spectral = nn.Sequential(
            convolution(1, channels[0], (1, 9), stride=(1, 2), padding=0),
            convolution(channels[0], channels[1], (1, 5), stride=(1, 2), padding=0),
            nn.MaxPool2d((1, config.pool)),
        )
        self.temporal = nn.Sequential()
        size = (channels[1], config.frames)
        for number, (inputs, outputs) in enumerate(pairwise((1, *channels[2:11]))):
            self.temporal.append(convolution(inputs, outputs, 3))
            pool = tuple(min(2, length) for length in size)
            if number % 2 == 0 and max(pool) > 1:  # after the first convolution, and after each pair
                self.temporal.append(nn.MaxPool2d(pool))
                size = (size[0] // pool[0], size[1] // pool[1])
        self.dropout = nn.Dropout(0.2)
        self.pointwise = convolution(channels[10], channels[11], 1)
        self.classifier = nn.Linear(channels[11], n_classes)
        self.apply(_initialize)

    def forward(self, waveform: Tensor) -> Tensor:
        if waveform.shape[2] != 1:
            raise UserError(f"ACDNet takes the waveform, these have {waveform.shape[2]} bands: give --mel null")
        if waveform.shape[3] != self.samples:
            raise UserError(
                f"this ACDNet takes clips of {self.samples} samples, these have {waveform.shape[3]}: "
                f"set --model.samples {waveform.shape[3]}"
            )
        x = self.spectral(waveform)  # (B, C2, 1, T)
        x = x.transpose(1, 2)  # (B, 1, C2, T)
        x = self.temporal(x)  # (B, C, C2 / 32, T / 32)
        x = self.pointwise(self.dropout(x))
        return self.classifier(x.mean((2, 3)))


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
