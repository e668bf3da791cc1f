"""What a network takes: log-mel spectrograms, or the waveform itself. Knows NumPy alone.

Shapes: B clips, S samples, F mel bands, T frames.
"""

from typing import Any

import numpy as np

from tinyasc.errors import UserError
from tinyasc.mel import MelConfig, frames, least_samples, log_mel

FrontEnd = MelConfig | None
"""Settings of the spectrograms; none = the network takes the waveform itself (ACDNet)."""


def from_card(mel: dict[str, Any] | None) -> FrontEnd:
    """The front end that a model card describes."""
    return None if mel is None else MelConfig(**mel)


def shape(config: FrontEnd, samples: int) -> tuple[int, int]:
    """Rows and columns of what a clip of `samples` samples becomes: (F, T), or (1, S) for a waveform.

    Raises:
        UserError: the clip is too short for the Fourier transform.
    """
    if config is None:
        return 1, samples
    if samples < least_samples(config):
        raise UserError(
            f"mel: a clip of {samples} samples is too short for n_fft {config.n_fft}: "
            f"take clips of at least {least_samples(config)} samples or a smaller n_fft"
        )
    return config.n_mels, frames(config, samples)


def features(waveform: np.ndarray, config: FrontEnd) -> np.ndarray:
    """What the network takes.

    Args:
        waveform: float (B, S), full scale = 1.
        config: the settings, or none.

    Returns:
        float32 (B, F, T); (B, 1, S) for a waveform.

    Raises:
        ValueError: not (B, S), or a clip too short for one window.
    """
    if config is not None:
        return log_mel(waveform, config)
    if waveform.ndim != 2:
        raise ValueError(f"need waveforms (B, S), got {waveform.shape}")
    return np.asarray(waveform, np.float32)[:, None]
