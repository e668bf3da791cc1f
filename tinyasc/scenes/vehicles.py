"""Sources on wheels and rails: engines, electric drives, rail joints, brakes, doors, traffic.

Each takes random numbers and the city and gives a recording, float32 (SAMPLES,), of RMS about 1 where it is heard.
"""

import numpy as np
from numpy.random import Generator

from tinyasc.scenes.synthesis import (
    RATE,
    SAMPLES,
    SECONDS,
    filtered,
    moments,
    noise,
    over_time,
    partials,
    passing,
    placed,
    response,
    slow,
    strike,
    tone,
    unit,
)
from tinyasc.scenes.world import City


def _speed(random: Generator, slowest: float = 0.35) -> np.ndarray:
    """How fast a vehicle goes, as a share of its usual speed: a slow walk, float32 (SAMPLES,)."""
    return over_time(np.clip(np.cumsum(random.normal(0, 0.12, 12)) + random.uniform(0.5, 1.0), slowest, 1.3))


def diesel(random: Generator, city: City) -> np.ndarray:
    """The engine of a bus heard inside: a row of low harmonics that follows the pedal."""
    revolution = city.engine * random.uniform(0.85, 1.15) * (0.6 + 0.9 * _speed(random))
    harmonics = random.uniform(0.4, 1.0, 40) / np.arange(1, 41) ** random.uniform(0.6, 0.9)
    knock = noise(random, [(10, -40), (60, -6), (200, 0), (900, -6), (3000, -22), (12000, -50)])
    return unit(tone(revolution, harmonics) + 0.5 * knock * (1 + tone(revolution, np.array([1.0]))))


def electric_drive(random: Generator, city: City) -> np.ndarray:
    """The whine of motor and gear of a rail vehicle, up and down with its speed."""
    speed = _speed(random)
    gear = tone(city.whine * random.uniform(0.85, 1.2) * speed, np.array([1.0, 0.5, 0.15, 0.3, 0.05, 0.1]))
    motor = tone(city.whine * 3.37 * speed, np.array([0.5, 0.1]))
    return unit(gear + 0.4 * motor) * slow(random, 1.0, 3)


def rail_joints(random: Generator, city: City) -> np.ndarray:
    """Wheels over rail joints: double knocks at a steady pace."""
    gap = city.joint / random.uniform(0.6, 1.2)
    axle = random.uniform(0.09, 0.16) * gap / 0.8
    times = np.arange(random.uniform(0, gap), SECONDS - 0.5, gap)
    knock = strike(
        random, [(10, -20), (70, 0), (250, -2), (random.uniform(500, 1200), -4), (3000, -20), (12000, -50)], 0.03
    )
    return 2 * placed([knock], np.sort(np.append(times, times + axle)), random.uniform(0.5, 1.0, 2 * len(times)))


def rolling(random: Generator, city: City) -> np.ndarray:
    """The hollow roar of a train in a tunnel, heard inside."""
    hollow = random.uniform(250, 650)
    roar = noise(random, [(10, -15), (60, 0), (150, -4), (hollow, 0), (2 * hollow, -9), (3000, -20), (12000, -42)])
    return unit(roar * (0.3 + _speed(random) ** 1.5))


def cabin(random: Generator, city: City) -> np.ndarray:
    """The body of any vehicle from inside: deep rumble and the fan."""
    rumble = noise(random, [(10, 0), (50, 2), (120, -4), (400, -16), (2000, -30), (12000, -52)])
    fan = noise(random, [(10, -40), (200, -8), (600, 0), (2500, -6), (8000, -22), (16000, -40)])
    return unit(rumble * slow(random, 1.5, 2) + random.uniform(0.1, 0.4) * fan)


def rattle(random: Generator, city: City) -> np.ndarray:
    """Loose panels and hand grips that answer to bumps."""
    bumps = moments(random, 0.8)
    times = np.concatenate([bump + np.cumsum(random.exponential(0.035, 9)) for bump in bumps]) if len(bumps) else bumps
    times = np.sort(times[times < SECONDS - 0.05])
    click = [
        strike(random, [(10, -40), (500, -10), (random.uniform(900, 3000), 0), (9000, -15)], 0.01) for _ in range(3)
    ]
    return 2.5 * placed(click, times, random.uniform(0.2, 1.0, len(times)))


def squeal(random: Generator, city: City) -> np.ndarray:
    """Wheels in a curve, or brakes: thin high tones that come and go."""
    recording = np.zeros(SAMPLES, np.float32)
    for _ in range(random.integers(1, 4)):
        wander = over_time(random.uniform(2200, 6500) * 2 ** np.cumsum(random.normal(0, 0.01, 30)))
        heard = passing(random.uniform(0, SECONDS, 1), random.uniform(0.2, 0.8, 1)) ** 2
        recording += tone(wander, np.array([1.0, 0.2])) * heard
    return recording


def air_brake(random: Generator, city: City) -> np.ndarray:
    """Air let off by brakes and doors."""
    times = moments(random, 0.15)
    hiss = strike(random, [(10, -60), (800, -20), (4000, 0), (9000, 2), (16000, -10)], random.uniform(0.12, 0.3))
    return 1.5 * placed([hiss], times, random.uniform(0.5, 1.0, len(times)))


def door_signal(random: Generator, city: City) -> np.ndarray:
    """Beeps while doors close, in one stretch of the recording."""
    length = int(0.16 * RATE)
    beep = tone(np.full(length, city.beep), np.array([1.0, 0.0, 0.35, 0.0, 0.1])) * np.hanning(length) ** 0.2
    times = random.uniform(0, SECONDS - 2) + 0.32 * np.arange(random.integers(3, 8))
    return placed([beep.astype(np.float32)], times[times < SECONDS])


def tram_bell(random: Generator, city: City) -> np.ndarray:
    """The foot gong of a tram."""
    strokes = partials(
        city.beep * np.array([0.9, 1.5, 2.4, 3.8]), np.array([1, 0.7, 0.5, 0.2]), np.array([0.5, 0.3, 0.2, 0.1]), 1.2
    )
    start = random.uniform(0, SECONDS - 1.5)
    return 3 * placed([strokes], start + 0.22 * np.arange(random.integers(2, 6)))


def train_arrives(random: Generator, city: City) -> np.ndarray:
    """A train coming into or leaving a station over the rumble of others: a swelling roar, its drive, its brakes."""
    swell = np.clip(0.12 + passing(random.uniform(-2, SECONDS + 2, 1), random.uniform(2.5, 6, 1)), 0, 1)
    roar = noise(random, [(10, -12), (80, 0), (500, 0), (1500, -8), (5000, -22), (14000, -45)])
    drive = tone(city.whine * over_time(random.uniform(0.3, 1.0, 4)), np.array([1.0, 0.4, 0.2]))
    return swell * (roar + 0.3 * drive) + 0.2 * squeal(random, city) * swell


def escalator(random: Generator, city: City) -> np.ndarray:
    """The grinding of moving stairs."""
    turning = noise(random, [(10, -30), (100, -3), (350, 0), (1200, -6), (4000, -20), (14000, -45)])
    teeth = tone(np.full(SAMPLES, random.uniform(18, 32)), np.ones(24) / np.arange(1, 25) ** 0.5)
    return unit(turning * (1 + 0.4 * tone(np.full(SAMPLES, random.uniform(3, 6)), np.array([1.0]))) + 0.4 * teeth)


def cars(random: Generator, city: City) -> np.ndarray:
    """Cars passing by: tyres on the road and engines."""
    times = np.append(moments(random, 0.35), random.uniform(-1, SECONDS + 1))
    widths = random.uniform(0.5, 1.6, len(times))
    level = passing(times, widths)
    wet = random.uniform(-6, 4)
    tyres = noise(
        random, [(10, -25), (80, -8), (500, -3), (1000, 0), (2500, -6 + wet), (7000, -18 + wet), (16000, -40)]
    )
    hum = tone(over_time(random.uniform(45, 95, 8)), random.uniform(0.3, 1.0, 20) / np.arange(1, 21))
    return level * (tyres + 0.5 * hum)


def traffic(random: Generator, city: City) -> np.ndarray:
    """A road at a distance: no single car can be heard."""
    far = noise(random, [(10, -8), (60, 0), (250, -6), (900, -8), (2500, -20), (10000, -48)])
    return far * slow(random, 0.4, 2.5)


def idling(random: Generator, city: City) -> np.ndarray:
    """A lorry or bus that waits and pulls away."""
    low = response([(10, -10), (60, 0), (400, -6), (2000, -20), (12000, -55)])
    return unit(filtered(diesel(random, city), low)) * np.clip(
        passing(random.uniform(0, SECONDS, 1), np.array([3.0])), 0, 1
    )


def horn(random: Generator, city: City) -> np.ndarray:
    """A car's horn."""
    length = int(random.uniform(0.2, 0.7) * RATE)
    pitch = random.uniform(330, 480)
    both = tone(np.full(length, pitch), np.ones(14)) + tone(np.full(length, 1.26 * pitch), np.ones(12))
    return placed(
        [(both * np.hanning(length) ** 0.15).astype(np.float32)],
        random.uniform(0, SECONDS - 0.8, random.integers(1, 3)),
    )
