"""Sources made by people: voices, steps, luggage, music, loudspeakers, dishes, tills, children.

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
    spoken_tone,
    strike,
    tone,
    unit,
    wave_table,
)
from tinyasc.scenes.world import City

_VOICE_RATE = RATE // 4
"""Voices are made at a quarter of the rate, Hz: their harmonics end below 5 kHz."""
_VOWELS = np.array([(730, 1090), (270, 2290), (300, 870), (530, 1840), (570, 840), (490, 1350), (440, 1020)])
"""First and second formants of vowels, Hz (Peterson and Barney, 1952, rounded)."""


def _voice(random: Generator, pitch: float, syllable: float) -> np.ndarray:
    """One person talking for the whole recording, at _VOICE_RATE."""
    samples = _VOICE_RATE * SECONDS
    lengths = random.uniform(0.6, 1.5, int(SECONDS / syllable * 1.8) + 2) * syllable * _VOICE_RATE
    edges = np.cumsum(lengths).astype(np.int64)
    which = np.minimum(np.searchsorted(edges, np.arange(samples), side="right"), len(edges) - 1)
    within = (np.arange(samples) - (edges - lengths)[which]) / lengths[which]
    spoken = (random.random(len(edges)) < 0.8) * random.uniform(0.4, 1.0, len(edges))
    envelope = np.sin(np.pi * np.clip(within, 0, 1)) ** 1.2 * spoken[which]
    frequency = over_time(pitch * 2 ** random.normal(0, 0.15, 28), samples)
    order = pitch * np.arange(1, int(4800 / pitch))
    formants = _VOWELS * random.uniform(0.9, 1.2)
    peaks = sum(1 / (1 + ((order - centre[:, None]) / (60 + 0.06 * centre[:, None])) ** 2) for centre in formants.T)
    tables = wave_table((peaks + 0.02) / order**0.5)
    vowels = random.integers(len(tables), size=len(edges))
    return spoken_tone(frequency, tables, vowels[which], _VOICE_RATE) * envelope.astype(np.float32)


def _voices(random: Generator, city: City, count: int, raised: float = 1.0) -> np.ndarray:
    """Several people talking at once, with their hissing consonants."""
    talk = np.zeros(_VOICE_RATE * SECONDS, np.float32)
    for _ in range(count):
        pitch = city.voice * random.choice([0.75, 1.3]) * raised * random.uniform(0.9, 1.1)
        away = slow(random, 0.5, 4, len(talk)) * random.uniform(0.3, 1.0)
        talk += _voice(random, pitch, city.syllable) * away
    spectrum = np.zeros(SAMPLES // 2 + 1, np.complex64)
    spectrum[: len(talk) // 2 + 1] = np.fft.rfft(talk)
    hiss = strike(random, [(10, -60), (3000, -12), (5500, 0), (9000, -6), (16000, -30)], 0.04)
    times = moments(random, 1.5 * count / city.syllable**0.5)
    return unit(np.fft.irfft(spectrum, SAMPLES).astype(np.float32)) + 0.5 * placed(
        [hiss], times, random.uniform(0.1, 1.0, len(times))
    )


def crowd(random: Generator, city: City) -> np.ndarray:
    """Many voices that melt into a murmur."""
    murmur = noise(random, [(10, -50), (120, -12), (300, 0), (700, 0), (1500, -9), (4000, -20), (16000, -45)])
    return unit(_voices(random, city, 5) + 0.6 * murmur * slow(random, 4, 2))


def talk(random: Generator, city: City) -> np.ndarray:
    """One or two people nearby, with pauses."""
    return _voices(random, city, int(random.integers(1, 3))) * slow(random, 0.4, 5)


def children(random: Generator, city: City) -> np.ndarray:
    """Children calling at play, now and then."""
    times = moments(random, 0.35)
    return _voices(random, city, 2, raised=2.1) * np.clip(passing(times, np.full(len(times), 0.35)), 0, 1)


def steps(random: Generator, city: City) -> np.ndarray:
    """People walking by on a hard floor."""
    recording = np.zeros(SAMPLES, np.float32)
    for _ in range(random.integers(1, 5)):
        pace = random.uniform(0.45, 0.62)
        times = np.arange(random.uniform(0, pace), SECONDS - 0.1, pace)
        times = np.clip(times + random.normal(0, 0.015, len(times)), 0, SECONDS - 0.1)
        heel = strike(random, [(10, -40), (90, -6), (random.uniform(150, 900), 0), (2500, -8), (9000, -30)], 0.012)
        sole = strike(random, [(10, -60), (800, -15), (random.uniform(2000, 5000), 0), (12000, -25)], 0.03)
        near = 1 / (1 + ((times - random.uniform(0, SECONDS)) / random.uniform(1, 4)) ** 2)
        recording += placed([heel + 0.0, heel * 0.8], times, near) + placed([sole], times + 0.06, 0.4 * near)
    return recording * 3


def gravel(random: Generator, city: City) -> np.ndarray:
    """Steps on gravel or leaves."""
    pace = random.uniform(0.48, 0.65)
    times = np.arange(random.uniform(0, pace), SECONDS - 0.3, pace)
    crunch = [strike(random, [(10, -60), (400, -15), (2500, 0), (7000, -3), (15000, -20)], 0.07) for _ in range(4)]
    return placed(crunch, times, _walking_by(random, times)) * 1.5


def _walking_by(random: Generator, times: np.ndarray) -> np.ndarray:
    """Gains of events made by something that walks by."""
    return 1 / (1 + ((times - random.uniform(0, SECONDS)) / random.uniform(1.5, 4)) ** 2)


def luggage(random: Generator, city: City) -> np.ndarray:
    """A suitcase rolling over tiles."""
    near = np.clip(passing(random.uniform(0, SECONDS, 1), random.uniform(1.0, 2.5, 1)), 0, 1)
    rolling = noise(random, [(10, -50), (150, -10), (600, 0), (2500, -2), (8000, -22)])
    gap = random.uniform(0.07, 0.16)
    times = np.arange(0, SECONDS - 0.1, gap) + random.uniform(0, 0.01)
    click = strike(random, [(10, -50), (300, -6), (1500, 0), (6000, -12), (15000, -40)], 0.015)
    return near * (0.6 * rolling + 1.6 * placed([click], times, random.uniform(0.4, 1.0, len(times))))


def _speaker(random: Generator) -> np.ndarray:
    low, high = random.uniform(250, 500), random.uniform(3000, 5500)
    return response([(10, -70), (low / 2, -24), (low, 0), (1500, 3), (high, 0), (2 * high, -30), (20000, -60)])


def announcement(random: Generator, city: City) -> np.ndarray:
    """A chime and a voice from a loudspeaker, for a part of the recording."""
    start = random.uniform(-3, SECONDS - 1)
    notes = [
        partials(np.array([1.0, 2.0, 3.0]) * note, np.array([1, 0.4, 0.1]), np.full(3, 0.35), 1.2)
        for note in city.chime
    ]
    times = start + 0.4 * np.arange(len(notes))
    chime = placed([note for note, time in zip(notes, times, strict=True) if time >= 0], times[times >= 0], 2.5)
    seconds = np.linspace(0, SECONDS, SAMPLES, dtype=np.float32)
    gate = (seconds > start + 1.6) & (seconds < start + 1.6 + random.uniform(2, 5))
    return filtered(chime + _voices(random, city, 1, raised=1.25) * gate, _speaker(random))


def music(random: Generator, city: City) -> np.ndarray:
    """Music from ceiling loudspeakers: a bass, chords and a melody over a beat."""
    beat = 60 / random.uniform(85, 128)
    root = 110 * 2 ** (random.integers(12) / 12)
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12])
    roots = root * 2 ** (random.permutation(np.array([0, 5, 7, 9])) / 12)
    recording = np.zeros(SAMPLES, np.float32)
    harmonics = 1 / np.arange(1, 9) ** random.uniform(1.0, 1.8)
    for place, time in enumerate(np.arange(0, SECONDS - beat, beat)):
        bass = roots[(place // 4) % 4]
        notes = [bass / 2, *(bass * 2 ** (scale[[0, 2, 4]] / 12)), 2 * root * 2 ** (random.choice(scale) / 12)]
        length = int(RATE * beat * 1.2)
        fade = np.exp(-np.arange(length, dtype=np.float32) / np.float32(0.35 * RATE))
        chord = sum(tone(np.full(length, note), harmonics) for note in notes)
        recording += placed([np.asarray(chord) * fade], np.array([time]))
    drum = strike(random, [(10, -30), (3000, -15), (7000, 0), (14000, -10)], 0.03)
    recording += placed([drum], np.arange(0, SECONDS - beat, beat / 2), 1.5)
    return unit(filtered(recording, _speaker(random)))


def dishes(random: Generator, city: City) -> np.ndarray:
    """Cups, plates and cutlery."""
    times = moments(random, 0.6)
    clinks = []
    for _ in range(4):
        body = random.uniform(1800, 4500) * np.array([1, 1.7, 2.6, 3.4])
        clinks.append(partials(body, np.array([1, 0.8, 0.6, 0.3]), random.uniform(0.02, 0.12, 4), 0.4))
    return placed(clinks, times, random.uniform(0.8, 3.0, len(times)))


def tills(random: Generator, city: City) -> np.ndarray:
    """Scanner beeps of a shop."""
    times = moments(random, 0.35)
    length = int(0.12 * RATE)
    beep = tone(np.full(length, random.uniform(1800, 3000)), np.array([1.0, 0.1, 0.3])) * np.hanning(length) ** 0.2
    return placed([beep.astype(np.float32)], times, random.uniform(0.5, 1.2, len(times)))
