"""The nine devices: a response, a noise floor, compression, and what one recording sounds like through them.

As in TAU, `a` is the reference, b and c are other real devices, s1 to s6 are simulated from `a` by an impulse response
and dynamic range compression (devices.yaml).
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml
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


def _devices() -> dict[str, Device]:
    described = yaml.safe_load(Path(__file__).with_name("devices.yaml").read_text())
    for device in described.values():
        device["response"] = tuple((frequency, gain) for frequency, gain in device["response"])
    return {name: Device(**device) for name, device in described.items()}


DEVICES = _devices()
"""By name."""


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
