"""Building blocks of every source: shaped noise, slow changes, tones from wave tables, short sounds placed in time.

All sounds are float32 at RATE; a recording has SAMPLES of them. Filters work on the spectrum of the whole recording, so
they are circular: what would ring on past the end is heard at the start, as if the recording had begun earlier.

Shapes: S = SAMPLES, K = S / 2 + 1 frequency bins.
"""

import numpy as np
from numpy.random import Generator

RATE = 44_100
"""Samples per second, Hz."""
SECONDS = 10
"""Length of a recording, s."""
SAMPLES = RATE * SECONDS

Points = list[tuple[float, float]]
"""A frequency response: (frequency in Hz, gain in dB), ascending; straight lines over log frequency between them."""


def response(points: Points, samples: int = SAMPLES) -> np.ndarray:
    """The amplitude of a frequency response at every bin of a Fourier transform: float32 (samples / 2 + 1,)."""
    frequency, gain = np.array(points, np.float64).T
    # A coarse grid over log frequency is smooth enough, and the exponential of 200,000 bins is not free.
    grid = np.geomspace(10.0, RATE / 2, 512)
    amplitude = 10 ** (np.interp(np.log(grid), np.log(frequency), gain) / 20)
    return np.interp(np.fft.rfftfreq(samples, 1 / RATE), grid, amplitude).astype(np.float32)


def filtered(sound: np.ndarray, amplitude: np.ndarray) -> np.ndarray:
    """A sound (S,) behind a filter given by its amplitude at every bin (K,), or by its complex spectrum."""
    return np.fft.irfft(np.fft.rfft(sound) * amplitude, len(sound)).astype(np.float32, copy=False)


def noise(random: Generator, points: Points, samples: int = SAMPLES) -> np.ndarray:
    """Noise of that frequency response, of RMS 1: float32 (samples,)."""
    bins = samples // 2 + 1
    spectrum = random.standard_normal((2, bins), np.float32) * response(points, samples)
    return unit(np.fft.irfft(spectrum[0] + 1j * spectrum[1], samples).astype(np.float32, copy=False))


def unit(sound: np.ndarray) -> np.ndarray:
    """The sound at RMS 1."""
    return sound / np.float32(np.sqrt(np.mean(np.square(sound)) + 1e-12))


def decibels(gain: float | np.ndarray) -> np.ndarray:
    """Decibels as an amplitude."""
    return np.float32(10) ** (np.asarray(gain, np.float32) / np.float32(20))


def slow(random: Generator, hertz: float, depth: float, samples: int = SAMPLES) -> np.ndarray:
    """A gain that wanders, about `hertz` turns a second, standard deviation `depth` dB: float32 (samples,)."""
    knots = random.normal(0.0, depth, int(SECONDS * hertz) + 3)
    return over_time(10 ** (knots / 20), samples)


def over_time(knots: np.ndarray, samples: int = SAMPLES) -> np.ndarray:
    """Values at equal distances, joined by straight lines: float32 (samples,)."""
    return np.interp(np.linspace(0, len(knots) - 1, samples), np.arange(len(knots)), knots).astype(np.float32)


def tone(frequency: np.ndarray, harmonics: np.ndarray, rate: int = RATE, start: float = 0.0) -> np.ndarray:
    """A harmonic tone of changing frequency.

    Args:
        frequency: of the fundamental at every sample, Hz (samples,).
        harmonics: amplitude of each harmonic, the fundamental first.
        rate: samples per second.
        start: first phase, in periods.

    Returns:
        float32 (samples,), of RMS about 1.
    """
    phase = start + np.cumsum(frequency, dtype=np.float64) / rate
    return wave_table(harmonics)[0, _table_index(phase)]


TABLE = 4096
"""Samples of one period of a wave table."""


def wave_table(harmonics: np.ndarray) -> np.ndarray:
    """One period of each of several tones of RMS 1: amplitudes (tones, harmonics) -> float32 (tones, TABLE)."""
    amplitudes = np.atleast_2d(harmonics)  # one tone may come as (harmonics,)
    spectrum = np.zeros((len(amplitudes), TABLE // 2 + 1), np.complex64)
    # Phases that grow with the square of the order (Schroeder) keep the peaks low.
    order = np.arange(amplitudes.shape[1])
    spectrum[:, 1 : amplitudes.shape[1] + 1] = amplitudes * np.exp(-1j * np.pi * order**2 / max(1, len(order)))
    tables = np.fft.irfft(spectrum, TABLE)
    return (tables / np.sqrt(np.mean(tables**2, axis=1, keepdims=True) + 1e-20)).astype(np.float32)


def _table_index(phase: np.ndarray) -> np.ndarray:
    return (phase * TABLE).astype(np.int64) % TABLE


def spoken_tone(frequency: np.ndarray, tables: np.ndarray, which: np.ndarray, rate: int) -> np.ndarray:
    """A tone that changes its wave table as it goes: `which` names the table of every sample (samples,)."""
    return tables[which, _table_index(np.cumsum(frequency, dtype=np.float64) / rate)]


def strike(random: Generator, points: Points, decay: float) -> np.ndarray:
    """A knock of shaped noise of RMS about 1 that dies away by 8.7 dB in every `decay` seconds."""
    samples = int(5 * decay * RATE) + 64
    envelope = np.exp(-np.arange(samples, dtype=np.float32) / np.float32(decay * RATE))
    return noise(random, points, samples) * envelope * np.float32(1.5)


def partials(frequencies: np.ndarray, amplitudes: np.ndarray, decays: np.ndarray, seconds: float) -> np.ndarray:
    """A struck body: sines (Hz) that die away each in its own time (s), of peak about 1."""
    time = np.arange(int(seconds * RATE), dtype=np.float32) / RATE
    sines = np.sin(2 * np.pi * np.outer(frequencies, time)) * np.exp(-time / np.asarray(decays)[:, None])
    return (np.asarray(amplitudes) @ sines / np.sum(amplitudes)).astype(np.float32)


def moments(random: Generator, rate: float) -> np.ndarray:
    """When events happen that do not wait for one another (a Poisson process): seconds (events,), ascending."""
    return np.sort(random.uniform(0, SECONDS, random.poisson(rate * SECONDS)))


def placed(sounds: list[np.ndarray], times: np.ndarray, gains: np.ndarray | float = 1.0) -> np.ndarray:
    """Short sounds in turn, each at its time (s) and gain: float32 (S,). What goes on past the end is cut off."""
    recording = np.zeros(SAMPLES, np.float32)
    for event, (time, gain) in enumerate(zip(times, np.broadcast_to(gains, np.shape(times)), strict=True)):
        first = int(time * RATE)
        sound = sounds[event % len(sounds)][: SAMPLES - first]
        recording[first : first + len(sound)] += np.float32(gain) * sound
    return recording


def passing(times: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """The level of things that come near, pass and leave: at their times (s), as wide as that (s): float32 (S,)."""
    grid = np.linspace(0, SECONDS, 500)[:, None]
    near = 1 / (1 + ((grid - np.asarray(times)) / np.asarray(widths)) ** 2)
    return over_time(near.sum(axis=1)) if len(times) else np.zeros(SAMPLES, np.float32)
