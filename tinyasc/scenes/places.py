"""The ten scenes: which sources a place may have and how loud, and how one recording is mixed from them.

Scenes come in three groups of look-alikes that share most of their sources; what tells them apart are rates and levels,
and a few telling sources that many a second of sound does without. The figures are invented, then tuned so that a small
network is right most of the time and on no scene always; nothing here was fitted to real sound.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from tinyasc.dcase import TauName
from tinyasc.scenes import people, surroundings, vehicles
from tinyasc.scenes.synthesis import RATE, SAMPLES, decibels, filtered, response, slow, unit
from tinyasc.scenes.world import City, ScenesConfig, generator

Source = Callable[[Generator, City], np.ndarray]


@dataclass(frozen=True)
class Part:
    """How a source takes part in a scene."""

    chance: float
    """Share of the places that have it."""
    level: float
    """Its usual level, dB against full scale of the mixture."""


@dataclass(frozen=True)
class Scene:
    """What a scene is made of."""

    parts: dict[Source, Part]
    reverberation: float
    """Usual time in which sound dies away by 60 dB, s."""
    echo: float
    """Usual level of the reverberation against the direct sound, dB."""


def _indoors(**parts: tuple[float, float]) -> dict[Source, Part]:
    return _parts({"hall_air": (1, -8), "crowd": (0.8, -10), "steps": (0.7, -10), "talk": (0.5, -10), **parts})


def _aboard(**parts: tuple[float, float]) -> dict[Source, Part]:
    return _parts({"cabin": (1, 0), "talk": (0.5, -10), "rattle": (0.5, -14), "announcement": (0.3, -10), **parts})


def _outdoors(**parts: tuple[float, float]) -> dict[Source, Part]:
    return _parts({"city_air": (1, -8), "wind": (0.4, -8), "steps": (0.5, -12), "talk": (0.5, -10), **parts})


def _parts(named: dict[str, tuple[float, float]]) -> dict[Source, Part]:
    return {_source(name): Part(*part) for name, part in named.items()}


def _source(name: str) -> Source:
    return next(getattr(module, name) for module in (people, surroundings, vehicles) if hasattr(module, name))


GROUPS: tuple[dict[str, Scene], ...] = (
    {
        "airport": Scene(
            _indoors(
                ventilation=(0.7, -6),
                luggage=(0.85, -3),
                announcement=(0.6, -6),
                jets=(0.4, -6),
                dishes=(0.2, -14),
                escalator=(0.15, -10),
            ),
            reverberation=1.6,
            echo=-6,
        ),
        "metro_station": Scene(
            _indoors(
                crowd=(0.6, -12),
                train_arrives=(0.95, 1),
                squeal=(0.35, -10),
                escalator=(0.5, -6),
                door_signal=(0.35, -8),
                announcement=(0.35, -7),
                ventilation=(0.25, -10),
            ),
            reverberation=2.6,
            echo=-3,
        ),
        "shopping_mall": Scene(
            _indoors(
                crowd=(0.95, -5),
                music=(0.8, -6),
                tills=(0.6, -8),
                dishes=(0.5, -9),
                children=(0.3, -10),
                escalator=(0.3, -10),
                announcement=(0.15, -8),
                ventilation=(0.25, -10),
            ),
            reverberation=1.5,
            echo=-6,
        ),
    },
    {
        "bus": Scene(
            _aboard(
                diesel=(0.9, -1),
                rattle=(0.8, -9),
                air_brake=(0.6, -6),
                cars=(0.3, -12),
                door_signal=(0.2, -9),
                rolling=(0.1, -10),
            ),
            reverberation=0.25,
            echo=-9,
        ),
        "metro": Scene(
            _aboard(
                rolling=(0.9, 0),
                rail_joints=(0.6, -6),
                electric_drive=(0.6, -9),
                squeal=(0.4, -9),
                door_signal=(0.35, -8),
                announcement=(0.5, -6),
            ),
            reverberation=0.4,
            echo=-7,
        ),
        "tram": Scene(
            _aboard(
                electric_drive=(0.8, -6.5),
                rail_joints=(0.7, -6),
                squeal=(0.5, -8),
                tram_bell=(0.22, -6),
                cars=(0.3, -11),
                rolling=(0.35, -8),
                door_signal=(0.3, -9),
            ),
            reverberation=0.3,
            echo=-8,
        ),
    },
    {
        "park": Scene(
            _outdoors(
                birds=(0.75, -7),
                leaves=(0.7, -7),
                gravel=(0.5, -8),
                wind=(0.6, -6),
                dog=(0.2, -6),
                children=(0.3, -10),
                traffic=(0.5, -12),
                steps=(0.2, -14),
                talk=(0.4, -12),
                fountain=(0.1, -12),
            ),
            reverberation=0.5,
            echo=-16,
        ),
        "public_square": Scene(
            _outdoors(
                crowd=(0.7, -9),
                fountain=(0.6, -5),
                pigeons=(0.4, -8),
                children=(0.35, -8),
                tower_bell=(0.2, -7),
                birds=(0.25, -13),
                traffic=(0.6, -7),
                cars=(0.25, -10),
                music=(0.15, -12),
            ),
            reverberation=1.2,
            echo=-10,
        ),
        "street_pedestrian": Scene(
            _outdoors(
                steps=(0.95, -4),
                crowd=(0.75, -6),
                talk=(0.8, -6),
                dishes=(0.3, -9),
                music=(0.3, -11),
                traffic=(0.4, -9),
                cars=(0.2, -11),
                luggage=(0.15, -8),
                pigeons=(0.1, -12),
            ),
            reverberation=0.8,
            echo=-9,
        ),
        "street_traffic": Scene(
            _outdoors(
                cars=(1.0, 0),
                traffic=(0.9, -3),
                idling=(0.5, -4),
                horn=(0.15, -6),
                air_brake=(0.15, -8),
                birds=(0.1, -15),
                crowd=(0.15, -13),
            ),
            reverberation=0.7,
            echo=-11,
        ),
    },
)


def contrasted(scene: str, contrast: float) -> Scene:
    """A scene that departs from the average of its look-alikes `contrast` times as far as its table says."""
    group = next(group for group in GROUPS if scene in group)
    own, everyone = group[scene], list(group.values())

    def apart(value: float, values: list[float]) -> float:
        mean = sum(values) / len(values)
        return mean + contrast * (value - mean)

    parts = {}
    for source in dict.fromkeys(source for other in everyone for source in other.parts):
        levels = [other.parts[source].level for other in everyone if source in other.parts]
        part = own.parts.get(source, Part(0.0, sum(levels) / len(levels)))
        chances = [other.parts[source].chance if source in other.parts else 0.0 for other in everyone]
        parts[source] = Part(min(1.0, max(0.0, apart(part.chance, chances))), apart(part.level, levels))
    reverberation = apart(own.reverberation, [other.reverberation for other in everyone])
    return Scene(parts, max(0.1, reverberation), apart(own.echo, [other.echo for other in everyone]))


def recorded(name: TauName, seed: int, config: ScenesConfig) -> np.ndarray:
    """Ten seconds at one place.

    What belongs to the place (its sources, their levels, the room) depends on scene, city and location of the name;
    what happens depends on the segment too; index and device play no part.

    Returns:
        float32 (SAMPLES,) before any device, RMS around 0.05.
    """
    manners = City.of(name.city, seed)
    place = generator(seed, "place", name.scene, name.city, name.location)
    moment = generator(seed, "moment", name.scene, name.city, name.location, name.segment)
    kind = contrasted(name.scene, config.contrast)
    mixture = np.zeros(SAMPLES, np.float32)
    for source, part in kind.parts.items():
        # Drawn for every source, so that what one place lacks does not change the dice of the others.
        present, level = place.random() < part.chance, place.normal(part.level, config.level_spread)
        if present:
            mixture += decibels(level + moment.normal(0, 1.5)) * source(moment, manners) * slow(moment, 0.3, 2.5)
    walls = _walls(place, kind.reverberation * place.lognormal(0, 0.3), kind.echo + place.normal(0, 2.5))
    colour = response(
        [
            (20, place.normal(0, 2)),
            (150, place.normal(0, 2)),
            (1000, 0),
            (4000, place.normal(0, 1.5) + 2 * manners.brightness),
            (16_000, place.normal(0, 2) + 4 * manners.brightness),
        ]
    )
    return unit(filtered(mixture, walls * colour)) * decibels(place.normal(-26, 3))


def _walls(random: Generator, reverberation: float, echo: float) -> np.ndarray:
    """A room as a filter: the direct sound and a tail of noise that dies away, sooner the higher."""
    time = np.arange(int(min(reverberation, 4.0) * RATE)) / RATE
    tail = random.standard_normal(len(time), np.float32) * 10 ** (-3 * time / reverberation)
    tail *= decibels(echo) / np.sqrt(np.sum(tail**2))
    spectrum = np.fft.rfft(tail, SAMPLES) * response([(20, -3), (200, 0), (2000, -1), (6000, -6), (16000, -18)])
    return (1 + spectrum).astype(np.complex64)
