"""Sources that nobody drives: air, water, leaves, birds, dogs, bells, ventilation.

Each takes random numbers and the city and gives a recording, float32 (SAMPLES,), of RMS about 1 where it is heard.
"""

import numpy as np
from numpy.random import Generator

from tinyasc.scenes.synthesis import (
    RATE,
    SECONDS,
    moments,
    noise,
    over_time,
    partials,
    placed,
    slow,
    tone,
    unit,
)
from tinyasc.scenes.world import City


def city_air(random: Generator, city: City) -> np.ndarray:
    """The hum of a whole town, outdoors."""
    return noise(random, [(10, -6), (50, 0), (200, -7), (700, -13), (2000, -21), (6000, -32), (16000, -46)])


def hall_air(random: Generator, city: City) -> np.ndarray:
    """The hum of a large building, indoors: air ducts, lights, machines."""
    mains = tone(np.full(RATE * SECONDS, 100.0), random.uniform(0, 1, 8) / np.arange(1, 9))
    ducts = noise(random, [(10, -12), (80, 0), (random.uniform(180, 500), -2), (1200, -12), (4000, -24), (16000, -44)])
    return unit(ducts + random.uniform(0.05, 0.35) * mains)


def ventilation(random: Generator, city: City) -> np.ndarray:
    """A strong fan close by: a smooth rush with a note of its own."""
    rush = noise(random, [(10, -35), (100, -6), (400, 0), (1500, -3), (4500, -12), (16000, -34)])
    blades = tone(np.full(RATE * SECONDS, random.uniform(70, 180)), 1 / np.arange(1, 7))
    return unit(rush + 0.3 * blades)


def jets(random: Generator, city: City) -> np.ndarray:
    """Aircraft engines through thick glass."""
    rumble = noise(random, [(10, -6), (60, 0), (180, -3), (600, -18), (3000, -40), (16000, -60)])
    return rumble * over_time(np.clip(np.cumsum(random.normal(0, 0.25, 8)) + 0.6, 0.1, 1.5))


def wind(random: Generator, city: City) -> np.ndarray:
    """Gusts at the microphone."""
    gusts = noise(random, [(10, 6), (40, 0), (120, -12), (400, -28), (2000, -50), (16000, -70)])
    return gusts * slow(random, 1.2, 6)


def leaves(random: Generator, city: City) -> np.ndarray:
    """Wind in the trees."""
    rustle = noise(random, [(10, -50), (400, -20), (2000, -3), (5000, 0), (10000, -6), (18000, -22)])
    return rustle * slow(random, 0.9, 4)


def fountain(random: Generator, city: City) -> np.ndarray:
    """Falling water."""
    water = noise(random, [(10, -40), (200, -14), (700, -4), (2500, 0), (7000, -5), (16000, -20)])
    return water * slow(random, 18, 1.5)


def birds(random: Generator, city: City) -> np.ndarray:
    """Birds that sing in phrases of whistled syllables."""
    sounds, times = [], []
    for start in moments(random, 0.45):
        length = int(random.uniform(0.05, 0.16) * RATE)
        middle = city.bird * 2 ** random.normal(0, 0.35)
        sweep = over_time(np.clip(middle * 2 ** random.normal(0, 0.22, 4), 1500, 9500), length)
        whistle = tone(sweep, np.array([1.0, 0.08])) * np.hanning(length).astype(np.float32)
        for repeat in range(random.integers(2, 7)):
            sounds.append(whistle)
            times.append(start + repeat * (length / RATE + 0.05))
    kept = [event for event, time in enumerate(times) if time < SECONDS]
    return 1.5 * placed([sounds[event] for event in kept], np.array([times[event] for event in kept]))


def pigeons(random: Generator, city: City) -> np.ndarray:
    """Cooing and the clap of wings."""
    length = int(0.5 * RATE)
    coo = tone(over_time(random.uniform(330, 470) * np.array([1, 1.12, 1.05, 0.95]), length), np.array([1.0, 0.3, 0.1]))
    times = moments(random, 0.3)
    times = times[times < SECONDS - 0.1]
    return placed([coo * np.hanning(length).astype(np.float32)], times, random.uniform(0.4, 1.0, len(times)))


def dog(random: Generator, city: City) -> np.ndarray:
    """Barks, one after another."""
    length = int(0.22 * RATE)
    pitch = random.uniform(280, 600)
    bark = tone(over_time(pitch * np.array([0.8, 1.2, 1.0, 0.7]), length), 1 / np.arange(1, 16) ** 0.5)
    times = random.uniform(0, SECONDS - 1) + np.cumsum(random.uniform(0.3, 0.7, random.integers(1, 5)))
    return 1.5 * placed([bark * np.hanning(length).astype(np.float32)], times[times < SECONDS - 0.1])


def tower_bell(random: Generator, city: City) -> np.ndarray:
    """The bell of a church or town hall."""
    note = random.uniform(220, 440)
    stroke = partials(
        note * np.array([0.5, 1, 1.2, 1.5, 2, 2.7, 4.1]),
        np.array([0.6, 1, 0.7, 0.5, 0.6, 0.3, 0.2]),
        np.linspace(3, 0.4, 7),
        4.0,
    )
    times = np.arange(random.uniform(0, 2), SECONDS, random.uniform(1.4, 2.2))
    return 3 * placed([stroke], times)
