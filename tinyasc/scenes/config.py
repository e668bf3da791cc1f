"""Size and hardness of the embedded data set."""

from dataclasses import dataclass

from tinyasc.errors import UserError


@dataclass(frozen=True)
class ScenesConfig:
    """How many recordings, and how hard it is to tell the scenes apart and to carry over to another device."""

    train_recordings: int = 24
    """10-second recordings of each scene for training: half by device a, the rest by b, c and s1 to s3 in turn."""
    test_recordings: int = 2
    """10-second recordings of each scene in the test split, each made by all nine devices at once."""
    contrast: float = 2.0
    """How far a scene departs from the average of its look-alikes: 0 not at all, 1 as its table says, 2 twice that."""
    level_spread: float = 3.0
    """Standard deviation of the level of every source from place to place, dB."""
    device_strength: float = 0.75
    """How far devices depart from device a: a factor on their frequency responses in dB, noise and compression."""

    def __post_init__(self) -> None:
        if self.train_recordings < 1 or self.test_recordings < 1:
            raise UserError("scenes: take train_recordings and test_recordings above zero")
        if min(self.contrast, self.level_spread, self.device_strength) < 0:
            raise UserError("scenes: take contrast, level_spread and device_strength of 0 or more")


EMBEDDED = ScenesConfig()
"""The data set of the demo."""
