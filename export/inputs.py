"""Varied inputs of an INT8 program, and waveforms of a front-end: what a proof of equality must have tried.

Shapes: N inputs or waveforms, C channels, F mel bands, T frames, S samples.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from compress.quantization import INT8_MAX, INT8_MIN

Int8 = NDArray[np.int8]
Reals = NDArray[np.floating[Any]]


def varied_inputs(real: Int8, zero_point: int, count: int, seed: int) -> dict[str, Int8]:
    """Inputs that move every layer: the edges, real clips, changed clips, and stress far outside what was heard.

    First three whose values are all alike: 0.0, the lowest integer, the highest. Then the real clips untouched, at most
    an eighth of all; then as many of each of CHANGES, in steps of the input from its zero point, clipped to int8.

    Args:
        real: int8 (n, C, F, T), some real inputs of the program.
        zero_point: the integer that stands for 0.0.
        count: N, how many to make, at least 16.
        seed: of every random choice.

    Returns:
        int8 (?, C, F, T) by kind, N in all.
    """
    random = np.random.default_rng(seed)
    alike = {"all zero": zero_point, "all lowest": INT8_MIN, "all highest": INT8_MAX}
    made = {kind: np.full((1, *real.shape[1:]), value, np.int8) for kind, value in alike.items()}
    made["real"] = real[: count // 8]
    left = count - len(alike) - len(made["real"])
    steps = real.astype(np.float64) - zero_point
    for number, (kind, change) in enumerate(CHANGES.items()):
        share = len(range(number, left, len(CHANGES)))
        changed = np.stack([change(random, steps) for _ in range(share)])
        made[kind] = np.clip(np.rint(changed + zero_point), INT8_MIN, INT8_MAX).astype(np.int8)
    return made


def _clip(random: Generator, steps: Reals) -> Reals:
    """One real clip (C, F, T)."""
    return steps[random.integers(len(steps))]


def _rolled(random: Generator, steps: Reals) -> Reals:
    return np.roll(_clip(random, steps), random.integers(0, steps.shape[2:]), axis=(1, 2))


def _clipped(random: Generator, steps: Reals) -> Reals:
    return _clip(random, steps) * random.uniform(0.2, 3) + random.normal(0, 40)


def _out_of_range(random: Generator, steps: Reals) -> Reals:
    return _clip(random, steps) * 10 ** random.uniform(0.5, 2) + random.normal(0, 400)


def _mixed(random: Generator, steps: Reals) -> Reals:
    share = random.uniform()
    return share * _clip(random, steps) + (1 - share) * _clip(random, steps)


def _smooth(random: Generator, steps: Reals) -> Reals:
    channels, frequencies, frames = steps.shape[1:]
    coarse = random.normal(0, 80, (channels, 8, 8)) + random.normal(0, 40)
    fine = np.kron(coarse, np.ones((1, -(-frequencies // 8), -(-frames // 8))))
    return fine[:, :frequencies, :frames]


def _noise(random: Generator, steps: Reals) -> Reals:
    return random.normal(random.normal(0, 60), random.uniform(1, 150), steps.shape[1:])


CHANGES: dict[str, Callable[[Generator, Reals], Reals]] = {
    "rolled": _rolled,
    "clipped": _clipped,
    "out of range": _out_of_range,
    "mixed": _mixed,
    "smooth": _smooth,
    "noise": _noise,
}
"""Clips (n, C, F, T) to one input (C, F, T): a real clip rolled in frequency and time; louder, softer or offset, until
it clips; far beyond int8; two real clips mixed; a smooth random field; plain noise of any spread."""


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
