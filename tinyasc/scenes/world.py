"""Size and hardness of the made-up world, and what differs from city to city and holds throughout one: its voices,
vehicles, chimes, birds and stones.
"""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

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


def generator(seed: int, *names: object) -> Generator:
    """Random numbers that depend on the seed and on names alone, not on what was drawn before."""
    return np.random.default_rng([seed, *(zlib.crc32(str(name).encode()) for name in names)])


@dataclass(frozen=True)
class City:
    """The manners of one city."""

    voice: float
    """Typical fundamental of a voice, Hz."""
    syllable: float
    """Typical length of a syllable, s."""
    engine: float
    """Firing frequency of an idle bus engine, Hz."""
    whine: float
    """Typical frequency of an electric drive at speed, Hz."""
    joint: float
    """Time between two rail joints at speed, s."""
    chime: tuple[float, ...]
    """Notes before an announcement, Hz."""
    beep: float
    """Frequency of door signals, Hz."""
    bird: float
    """Middle frequency of the commonest bird, Hz."""
    brightness: float
    """Tilt of the whole city's sound, dB per octave above 1 kHz."""

    @classmethod
    def of(cls, name: str, seed: int) -> "City":
        """The city of that name, always the same for one seed."""
        random = generator(seed, "city", name)
        note = random.uniform(380, 620)
        steps = random.choice([2 ** (-5 / 12), 2 ** (-4 / 12), 2 ** (3 / 12), 2 ** (7 / 12)], 2)
        return cls(
            voice=random.uniform(125, 185),
            syllable=random.uniform(0.15, 0.22),
            engine=random.uniform(22, 34),
            whine=random.uniform(350, 800),
            joint=random.uniform(0.55, 0.95),
            chime=(note, note * steps[0], note * steps[0] * steps[1]),
            beep=random.uniform(900, 2200),
            bird=random.uniform(2800, 4800),
            brightness=random.uniform(-0.7, 0.7),
        )
