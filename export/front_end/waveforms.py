"""Waveforms to prove a front-end on: what a microphone may bring, and what it may not.

Shapes: N waveforms, S samples.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


def sounds(real: Float32, count: int, samples: int, seed: int) -> Float32:
    """Silence first, then an eighth of each: recordings or coloured noise, rolled and at any level; the same clipped;
    far beyond full scale; stopping in digital silence; with an offset; without its upper frequencies; clicks; and the
    faintest noise.

    Args:
        real: (n, S) recordings, or none: coloured noise in their place.
        count: N, how many to make.
        samples: S.
        seed: of every random choice.

    Returns:
        (N, S), full scale = 1.
    """
    random = np.random.default_rng(seed)
    made = [np.zeros(samples)]
    for number in range(count - 1):
        sound = np.roll(real[random.integers(len(real))], random.integers(samples)) if len(real) else None
        made.append(KINDS[number % len(KINDS)](random, _coloured(random, samples) if sound is None else sound))
    return np.stack(made).astype(np.float32)


def tones(count: int, samples: int, seed: int) -> Float32:
    """Steady tones of any frequency and up to full scale, with nothing else in the sound: no microphone gives them."""
    random = np.random.default_rng(seed)
    phases = 2 * np.pi * random.uniform(0, 0.5, (count, 1)) * np.arange(samples)
    return (np.sin(phases) * 10 ** random.uniform(-3, 0, (count, 1))).astype(np.float32)


def _coloured(random: Generator, samples: int) -> NDArray[np.float64]:
    """Noise of a random spectral slope, at a tenth of full scale."""
    frequencies = np.arange(1, samples // 2 + 2)
    noise = np.fft.irfft(np.fft.rfft(random.standard_normal(samples)) * frequencies ** random.uniform(-1, 0), samples)
    return noise / noise.std() / 10


def _cut(random: Generator, sound: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without what lies above a random frequency, as sound from a telephone or a codec."""
    spectrum = np.fft.rfft(sound)
    spectrum[random.integers(len(spectrum) // 30, len(spectrum)) :] = 0
    return np.fft.irfft(spectrum, len(sound))


def _stopped(random: Generator, sound: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.arange(len(sound)) < random.integers(len(sound)), sound, 0)


def _clicks(random: Generator, sound: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(random.random(len(sound)) < 1e-4, random.choice([-1.0, 1.0], len(sound)), 0)


KINDS: tuple[Callable[[Generator, NDArray[np.float64]], NDArray[np.float64]], ...] = (
    lambda random, sound: sound * 10 ** random.uniform(-3, 0.5),
    lambda random, sound: np.clip(sound * 10 ** random.uniform(0.5, 1.5), -1, 1),
    lambda random, sound: sound * 10 ** random.uniform(1, 3),
    _stopped,
    lambda random, sound: sound + random.uniform(-1, 1),
    _cut,
    _clicks,
    lambda random, sound: random.standard_normal(len(sound)) * 10 ** random.uniform(-6, -3),
)
