"""What differs from city to city and holds throughout one: its voices, vehicles, chimes, birds and stones."""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator


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
