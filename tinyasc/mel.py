"""Log-mel spectrograms in NumPy: the definition that every other front end is tested against.

The front end of CP-Mobile and PaSST: pre-emphasis, a centred short-time Fourier transform with a symmetric Hann window,
the mel filter bank of Kaldi on the power spectrum, a logarithm, and a fixed normalisation. It gives what hear21passt's
AugmentMelSTFT gives in evaluation.

Shapes: B clips, S samples, F mel bands, T frames, K = n_fft / 2 + 1 frequency bins.
"""

from dataclasses import dataclass
from functools import lru_cache

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
    """a in y[i] = x[i] - a x[i - 1]."""
    log_offset: float = 1e-5
    """Added to the mel power before the logarithm."""
    shift: float = 4.5
    """Added to the logarithm."""
    scale: float = 5.0
    """The shifted logarithm is divided by this."""

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


PASST = MelConfig(n_fft=1024, win_length=800, hop_length=320, n_mels=128, f_max=15_000.0)
"""What PaSST was trained on: one second gives 128 x 100."""


def frames(config: MelConfig, samples: int) -> int:
    """Number of frames T of a clip of `samples` samples (pre-emphasis costs one sample)."""
    return 1 + (samples - 1) // config.hop_length


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
    if waveform.ndim != 2 or waveform.shape[1] <= config.n_fft // 2 + 1:
        raise ValueError(f"need waveforms (B, S) with S > {config.n_fft // 2 + 1}, got {waveform.shape}")
    bank = mel_bank(config).T  # (K, F)
    window = np.hanning(config.win_length).astype(np.float32)
    output = np.empty((len(waveform), config.n_mels, frames(config, waveform.shape[1])), np.float32)
    for clip, signal in enumerate(np.asarray(waveform, np.float32)):  # one by one: the frames of many take much memory
        emphasised = signal[1:] - np.float32(config.pre_emphasis) * signal[:-1]
        padded = np.pad(emphasised, config.n_fft // 2, mode="reflect")
        # The window stands in the middle of n_fft; power does not depend on where the zeros around it are.
        first = (config.n_fft - config.win_length) // 2
        framed = np.lib.stride_tricks.sliding_window_view(padded[first:], config.win_length)[:: config.hop_length]
        spectrum = np.fft.rfft(framed[: output.shape[2]] * window, config.n_fft)  # (T, K)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        output[clip] = np.log(power @ bank + np.float32(config.log_offset)).T
    return (output + np.float32(config.shift)) / np.float32(config.scale)


@lru_cache(maxsize=8)
def mel_bank(config: MelConfig) -> np.ndarray:
    """Kaldi's mel filter bank: triangles of equal width on the scale 1127 ln(1 + f / 700), of height 1.

    Returns:
        float32 (F, K), read-only; the bin at half the sample rate has no weight, as in Kaldi.
    """
    low, high = _mel(config.f_min), _mel(config.f_max)
    width = (high - low) / (config.n_mels + 1)
    left = low + width * np.arange(config.n_mels)[:, None]  # (F, 1)
    bins = _mel(np.arange(config.n_fft // 2) * config.sample_rate / config.n_fft)  # (K - 1,)
    position = (bins - left) / width  # 0 at the left edge of a triangle, 1 at its top, 2 at its right edge
    bank = np.zeros((config.n_mels, config.n_fft // 2 + 1), np.float32)
    bank[:, :-1] = np.maximum(0.0, np.minimum(position, 2.0 - position))
    bank.setflags(write=False)
    return bank


def _mel(frequency):
    return 1127.0 * np.log1p(np.asarray(frequency) / 700.0)
