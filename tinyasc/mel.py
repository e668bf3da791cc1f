"""Log-mel spectrograms in NumPy: the definition that every other front end is tested against.

Pre-emphasis, a centred short-time Fourier transform with a Hann window, a mel filter bank on the power spectrum, a
logarithm, and a fixed normalisation. `tinyasc.models.MEL_CONFIGS` has the settings of published recipes; the tests run
each against its original: hear21passt's AugmentMelSTFT in evaluation, or torchaudio's MelSpectrogram.

Shapes: B clips, S samples, F mel bands, T frames, K = n_fft / 2 + 1 frequency bins.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from tinyasc.errors import UserError


@dataclass(frozen=True)
class MelConfig:
    """Settings of a log-mel spectrogram. The defaults are CP-Mobile's: one second at 32 kHz gives 256 x 64."""

    sample_rate: int = 32_000
    """Samples per second, Hz."""
    n_fft: int = 4096
    """Length of the Fourier transform, samples."""
    win_length: int = 3072
    """Length of the Hann window, samples, centred in n_fft."""
    hop_length: int = 500
    """Step from frame to frame, samples."""
    n_mels: int = 256
    """Number of mel bands."""
    f_min: float = 0.0
    """Lower edge of the lowest band, Hz."""
    f_max: float = 15_500.0
    """Upper edge of the highest band, Hz."""
    pre_emphasis: float = 0.97
    """a in y[i] = x[i] - a x[i - 1], which costs the first sample; 0 = none, and no sample is lost."""
    log_offset: float = 1e-5
    """Added to the mel power before the logarithm."""
    shift: float = 4.5
    """Added to the logarithm."""
    scale: float = 5.0
    """The shifted logarithm is divided by this."""
    bank: Literal["kaldi", "htk"] = "kaldi"
    """The sides of the filters are straight in mel (kaldi) or in Hz (htk: HTK's mel scale as torchaudio uses it)."""
    window: Literal["symmetric", "periodic"] = "symmetric"
    """Kind of the Hann window: both ends are zero (symmetric) or the first one alone (periodic)."""

    def __post_init__(self) -> None:
        if not 0 < self.win_length <= self.n_fft or self.n_fft % 2:
            raise UserError(
                f"mel: win_length is {self.win_length} and n_fft {self.n_fft}: "
                "take an even n_fft, and win_length from 1 to n_fft"
            )
        if not 0 <= self.f_min < self.f_max <= self.sample_rate / 2:
            raise UserError(
                f"mel: f_min is {self.f_min:g} and f_max {self.f_max:g} Hz: "
                f"take 0 <= f_min < f_max <= {self.sample_rate / 2:g}, half the sample rate"
            )
        if self.hop_length < 1 or self.n_mels < 1 or self.log_offset <= 0 or self.scale <= 0:
            raise UserError("mel: take hop_length, n_mels, log_offset and scale above zero")
        if not 0 <= self.pre_emphasis <= 1:
            raise UserError(f"mel: pre_emphasis is {self.pre_emphasis:g}: take 0 (none) to 1")
        if self.bank not in ("kaldi", "htk") or self.window not in ("symmetric", "periodic"):
            raise UserError(
                f"mel: bank is {self.bank!r} and window {self.window!r}: "
                "take bank kaldi or htk, and window symmetric or periodic"
            )


GROUP = 32
"""Bands of a group: fewer would save multiplications, but so thin matrices are multiplied slowly."""


def frames(config: MelConfig, samples: int) -> int:
    """Number of frames T of a clip of `samples` samples (pre-emphasis costs one sample)."""
    return 1 + (samples - _lost(config)) // config.hop_length


def least_samples(config: MelConfig) -> int:
    """Samples that a clip must have, so that its ends can be mirrored by half a Fourier transform."""
    return config.n_fft // 2 + 1 + _lost(config)


def log_mel(waveform: np.ndarray, config: MelConfig) -> np.ndarray:
    """Normalised log-mel spectrograms.

    Args:
        waveform: float (B, S) at config.sample_rate, full scale = 1.
        config: the settings.

    Returns:
        float32 (B, F, T).

    Raises:
        ValueError: not (B, S), or a clip too short for one window.
    """
    if waveform.ndim != 2 or waveform.shape[1] < least_samples(config):
        raise ValueError(f"need waveforms (B, S) with S >= {least_samples(config)}, got {waveform.shape}")
    bank, groups, window = mel_bank(config), mel_groups(config), hann(config)
    output = np.empty((len(waveform), config.n_mels, frames(config, waveform.shape[1])), np.float32)
    signals = np.asarray(waveform, np.float32)
    if config.pre_emphasis:
        signals = signals[:, 1:] - np.float32(config.pre_emphasis) * signals[:, :-1]
    for clip, signal in enumerate(signals):  # one by one: the frames of many take much memory
        padded = np.pad(signal, config.n_fft // 2, mode="reflect")
        # The window stands in the middle of n_fft; power does not depend on where the zeros around it are.
        first = (config.n_fft - config.win_length) // 2
        framed = np.lib.stride_tricks.sliding_window_view(padded[first:], config.win_length)[:: config.hop_length]
        spectrum = np.fft.rfft(framed[: output.shape[2]] * window, config.n_fft)  # (T, K)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32).T
        for bands, bins in groups:
            output[clip, bands] = bank[bands, bins] @ power[bins]
    return (np.log(output + np.float32(config.log_offset)) + np.float32(config.shift)) / np.float32(config.scale)


@lru_cache(maxsize=8)
def hann(config: MelConfig) -> np.ndarray:
    """The window: float32 (win_length,), read-only."""
    points = config.win_length + 1 if config.window == "periodic" else config.win_length
    window = np.hanning(points)[: config.win_length].astype(np.float32)
    window.setflags(write=False)
    return window


@lru_cache(maxsize=8)
def mel_bank(config: MelConfig) -> np.ndarray:
    """The mel filter bank: overlapping triangles of height 1 whose corners are equally far apart in mel.

    The mel scale is c ln(1 + f / 700); its factor c (1127 in Kaldi, 2595 / ln 10 in HTK) cancels.

    Returns:
        float32 (F, K), read-only.
    """
    corners, frequencies = mel_corners(config)
    bank = np.zeros((config.n_mels, config.n_fft // 2 + 1), np.float32)
    for bands, bins in mel_groups(config):
        corner = corners[bands.start : bands.stop + 2, None]
        width = np.diff(corner, axis=0)
        rising = (frequencies[bins] - corner[:-2]) / width[:-1]
        falling = (corner[2:] - frequencies[bins]) / width[1:]
        bank[bands, bins] = np.maximum(0.0, np.minimum(rising, falling))
    bank.setflags(write=False)
    return bank


@lru_cache(maxsize=8)
def mel_groups(config: MelConfig) -> tuple[tuple[slice, slice], ...]:
    """Groups of neighbouring bands, in order, and the bins on which any band of the group has weight.

    Outside them the bank is zero: CP-Mobile's groups hold an eighth of it, and need an eighth of its multiplications.
    """
    corners, frequencies = mel_corners(config)
    groups = []
    for first in range(0, config.n_mels, GROUP):
        last = min(first + GROUP, config.n_mels)
        left = np.searchsorted(frequencies, corners[first], side="right")
        right = np.searchsorted(frequencies, corners[last + 1], side="left")
        groups.append((slice(first, last), slice(int(left), int(right))))
    return tuple(groups)


def mel_corners(config: MelConfig) -> tuple[np.ndarray, np.ndarray]:
    """The triangles' corners (F + 2,) and the bins (K,), float64, in the unit in which the sides are straight.

    Band f begins at corner f, has its top at f + 1 and ends at f + 2.
    """
    corners = np.linspace(np.log1p(config.f_min / 700), np.log1p(config.f_max / 700), config.n_mels + 2)
    frequencies = np.arange(config.n_fft // 2 + 1) * config.sample_rate / config.n_fft
    if config.bank == "htk":
        return 700 * np.expm1(corners), frequencies
    return corners, np.log1p(frequencies / 700)


def _lost(config: MelConfig) -> int:
    return 1 if config.pre_emphasis else 0
