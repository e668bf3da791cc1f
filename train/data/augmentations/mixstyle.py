"""MixStyle of the input: clips exchange statistics of their spectrograms, and so the style of their domain."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from tinyasc.errors import UserError
from tinyasc.models.layers.mixstyle import frequency_mixstyle, mixstyle
from train.data.augmentations import Preview, SpectrogramAugmentation, register

EXCHANGES = {"frequency": frequency_mixstyle, "channel": mixstyle}


@dataclass(frozen=True)
class MixStyleConfig:
    """Which statistics are exchanged, and how often."""

    mixstyle: Literal["frequency", "channel"] = "frequency"
    """frequency: clips exchange statistics per mel band (Freq-MixStyle, Schmid et al., 2022); channel: over the whole
    spectrogram (MixStyle, Zhou et al., 2021)."""
    mixstyle_probability: float = 0.0
    """Share of the batches whose clips exchange statistics. CP-Mobile, its PaSST teacher and the 2024 baseline: 0.4;
    CP-ResNet and TF-SepNet: 0.8; CP-JKU's 2022 student: 0.6."""
    mixstyle_alpha: float = 0.3
    """Parameter of the Beta distribution of the exchange. CP-Mobile and the 2024 baseline: 0.3; CP-ResNet, PaSST and
    TF-SepNet: 0.4."""


@register(order=80)
class MixStyle(SpectrogramAugmentation):
    """An exchange among all clips of a share of the batches."""

    Config = MixStyleConfig
    config: MixStyleConfig
    switches = ("mixstyle_probability",)
    previews = (
        Preview("Freq-MixStyle", "alpha 0.3\n(CP-Mobile)", {"mixstyle_probability": 1}),
        Preview("MixStyle", "alpha 0.3\n(as above)", {"mixstyle": "channel", "mixstyle_probability": 1}),
    )

    @classmethod
    def check(cls, config: MixStyleConfig) -> None:
        super().check(config)
        if not 0 < config.mixstyle_alpha < math.inf:
            raise UserError(
                f"augmentation: mixstyle_alpha is {config.mixstyle_alpha}: take one above zero "
                "(mixstyle_probability 0 turns the change off)"
            )
        if config.mixstyle not in EXCHANGES:
            raise UserError(f"augmentation: mixstyle is {config.mixstyle!r}: take {' or '.join(EXCHANGES)}")

    def apply(self, features: Tensor) -> Tensor:
        if torch.rand(()) < self.config.mixstyle_probability:
            return EXCHANGES[self.config.mixstyle](features, self.config.mixstyle_alpha)
        return features
