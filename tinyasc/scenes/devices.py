"""The nine devices: a response, a noise floor, compression, and what one recording sounds like through them.

As in TAU, `a` is the reference, b and c are other real devices, s1 to s6 are simulated from `a` by an impulse response
and dynamic range compression. The figures are invented; s4 to s6 depart from `a` in ways that a to s3 do not show.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.random import Generator
from scipy.signal import lfilter, minimum_phase

from tinyasc.scenes.synthesis import RATE, SAMPLES, decibels, filtered, noise, response


@dataclass(frozen=True)
class Device:
    """One recording device, against an ideal one."""

    response: tuple[tuple[float, float], ...]
    """Frequency response: (Hz, dB)."""
    noise: float = -78.0
    """Level of its own noise, dB against full scale."""
    noise_tilt: float = -3.0
    """Slope of that noise, dB per octave."""
    ratio: float = 1.0
    """Compression above the threshold: dB in for one dB out; 1: none."""
    threshold: float = -30.0
    """Level at which compression sets in, dB against full scale."""
    release: float = 0.1
    """Time in which compression follows the level, s; long: automatic gain control."""
    echoes: float = -60.0
    """Level of reflections of its own case and room (in 12 ms), dB against the direct sound."""


DEVICES = {
    "a": Device(((20, 0), (20000, 0))),
    "b": Device(
        ((20, -14), (80, -7), (250, 0), (1500, 1), (4000, 4), (9000, 0), (14000, -9), (20000, -20)),
        noise=-66,
        ratio=1.7,
        threshold=-34,
        release=1.5,
    ),
    "c": Device(
        ((20, -10), (120, -4), (400, 1), (2000, -1), (5500, 2), (8000, -4), (12000, -3), (16000, -16), (20000, -28)),
        noise=-68,
        noise_tilt=-1,
        ratio=1.4,
        threshold=-30,
        release=0.6,
    ),
    "s1": Device(
        ((20, -18), (150, -6), (500, 0), (1800, 4), (3200, -2), (7000, -5), (20000, -12)),
        noise=-72,
        ratio=2,
        echoes=-14,
    ),
    "s2": Device(
        ((20, 2), (120, 4), (500, 0), (1200, -4), (3000, 1), (8000, -7), (20000, -20)), noise=-70, ratio=1.5, echoes=-12
    ),
    "s3": Device(
        ((20, -8), (200, -3), (800, 2), (2500, -5), (5000, 3), (11000, 2), (20000, -8)),
        noise=-68,
        ratio=2.5,
        echoes=-16,
    ),
    "s4": Device(
        ((20, -26), (200, -16), (450, -6), (900, 3), (2000, -3), (3500, 8), (5000, -6), (9000, -10), (20000, -26)),
        noise=-62,
        noise_tilt=0,
        ratio=3,
        threshold=-38,
        echoes=-9,
    ),
    "s5": Device(
        ((20, 5), (90, 8), (250, 5), (600, -4), (1500, -8), (3000, -4), (6000, -14), (9000, -22), (20000, -45)),
        noise=-64,
        noise_tilt=-5,
        ratio=1.6,
        threshold=-34,
        echoes=-7,
    ),
    "s6": Device(
        ((20, -16), (100, -10), (300, 5), (700, -7), (1300, 6), (2600, -9), (6000, 7), (10000, 4), (20000, -10)),
        noise=-58,
        noise_tilt=1,
        ratio=4,
        threshold=-42,
        release=0.04,
        echoes=-8,
    ),
}


def captured(sound: np.ndarray, device: Device, random: Generator, strength: float) -> np.ndarray:
    """A sound as a device records it.

    Args:
        sound: float32 (SAMPLES,), as it arrives at the device.
        device: the device.
        random: for its noise; every recording has noise of its own.
        strength: factor on everything in which the device departs from an ideal one.

    Returns:
        float32 (SAMPLES,) in [-1, 1).
    """
    heard = filtered(sound, _transfer(device, strength))
    if device.ratio > 1:
        heard = _compressed(heard, device, 1 + (device.ratio - 1) * strength)
    octaves = [(frequency, device.noise_tilt * np.log2(frequency / 1000)) for frequency in (30.0, 20_000.0)]
    floor = noise(random, octaves) * decibels(-90 + (device.noise + 90) * strength)
    return np.clip(heard + floor, -1, 1 - 2**-23).astype(np.float32)


def impulse_response(device: Device, strength: float) -> np.ndarray:
    """The response of a device in time: minimum phase, then faint reflections within 12 ms: float32 (2048,)."""
    taps = 2048
    scaled = [(frequency, gain * strength) for frequency, gain in device.response]
    magnitude = response(scaled, 2 * taps)
    linear_phase = np.roll(np.fft.irfft(magnitude), taps)[1:]
    direct = minimum_phase(linear_phase, half=False, n_fft=16_384)[:taps]
    # The reflections belong to the device: the same dice for every recording.
    dice = np.random.default_rng([round(abs(gain) * 100) for _, gain in device.response])
    times = np.arange(1, 530)
    reflections = np.zeros(taps)
    reflections[times] = dice.standard_normal(len(times)) * np.exp(-times / 180)
    reflections *= strength * 10 ** (device.echoes / 20) / np.sqrt(np.sum(reflections**2))
    reflections[0] = 1.0
    return np.convolve(direct, reflections)[:taps].astype(np.float32)


@lru_cache(maxsize=len(DEVICES))
def _transfer(device: Device, strength: float) -> np.ndarray:
    return np.fft.rfft(impulse_response(device, strength), SAMPLES).astype(np.complex64)


def _compressed(sound: np.ndarray, device: Device, ratio: float) -> np.ndarray:
    """Dynamic range compression: above the threshold the level rises by 1 / ratio; the mean level is kept."""
    step = 64  # samples; the level moves far more slowly than the sound
    power = np.mean(np.square(sound[: len(sound) // step * step]).reshape(-1, step), axis=1)
    keep = np.exp(-step / (device.release * RATE))
    start = keep * np.mean(power)
    followed, _ = lfilter([1 - keep], [1, -keep], power, zi=[start])
    level = 10 * np.log10(followed + 1e-10)
    gain = -np.maximum(0, level - device.threshold) * (1 - 1 / ratio)
    curve = np.interp(np.arange(len(sound)), np.arange(len(gain)) * step, gain - np.mean(gain))
    return sound * decibels(curve)
