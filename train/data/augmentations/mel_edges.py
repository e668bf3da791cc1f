"""Random mel edges: a front end whose bands begin and end elsewhere for each batch."""

from dataclasses import dataclass

import torch

from tinyasc.errors import UserError
from train.data.augmentations import Context, FrontEndAugmentation, Preview, register


@dataclass(frozen=True)
class MelEdgesConfig:
    """How far the edges move."""

    f_min_range: float = 0.0
    """Hz: for each batch the lower edge of the mel bands rises by 0 to this much, as in hear21passt. CP-Mobile: 0
    (there 1, which draws nothing); EfficientAT on DCASE 2020: 10."""
    f_max_range: float = 0.0
    """Hz: for each batch the upper edge moves by up to half of this either way, as in hear21passt. CP-Mobile: 1000;
    hear21passt itself: 1000; EfficientAT on DCASE 2020: 2000."""


@register(order=50)
class MelEdges(FrontEndAugmentation):
    """Edges drawn anew for each batch."""

    Config = MelEdgesConfig
    config: MelEdgesConfig
    switches = ("f_min_range", "f_max_range")
    previews = (Preview("Random mel edges", "upper edge ±500 Hz\n(CP-Mobile)", {"f_max_range": 1_000}),)

    def __init__(self, config: MelEdgesConfig, context: Context) -> None:
        super().__init__(config, context)
        mel = context.front_end
        assert mel is not None
        lowest, highest = mel.f_max - config.f_max_range / 2, mel.f_max + config.f_max_range / 2
        if highest > mel.sample_rate / 2:
            raise UserError(
                f"augmentation: f_max_range takes the upper mel edge to {highest:g} Hz, beyond half the sample rate: "
                f"take {mel.sample_rate - 2 * mel.f_max:g} or less, or a lower mel f_max"
            )
        if mel.f_min + config.f_min_range >= lowest:
            raise UserError(
                "augmentation: with f_min_range and f_max_range the mel edges can meet: take smaller ranges"
            )

    def apply(self, edges: tuple[float, float]) -> tuple[float, float]:
        """See `FrontEndAugmentation`; as hear21passt: f_min + 0..range, f_max +- range / 2, in steps of 1 Hz."""
        low_range, high_range = self.config.f_min_range, self.config.f_max_range
        rise, fall = (torch.rand(2) * torch.tensor([low_range, high_range])).int().tolist()
        return edges[0] + rise, edges[1] + high_range // 2 - fall
