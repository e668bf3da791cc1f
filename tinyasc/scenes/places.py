"""The ten scenes (places.yaml), and how one recording is mixed from their sources.

Scenes come in three groups of look-alikes that share most of their sources; what tells them apart are rates and levels,
and a few telling sources that many a second of sound does without. The figures are invented, then tuned so that a small
network is right most of the time and on no scene always; nothing here was fitted to real sound.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
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


def _groups() -> list[dict[str, Scene]]:
    sources = {name: source for module in (people, surroundings, vehicles) for name, source in vars(module).items()}

    def scene(common: dict[str, list[float]], described: dict[str, Any]) -> Scene:
        parts = {sources[name]: Part(*part) for name, part in (common | described["sources"]).items()}
        return Scene(parts, described["reverberation"], described["echo"])

    groups = yaml.safe_load(Path(__file__).with_name("places.yaml").read_text())
    return [{name: scene(group["common"], each) for name, each in group["scenes"].items()} for group in groups]


GROUPS = _groups()
"""The scenes by name, in groups of look-alikes."""


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
