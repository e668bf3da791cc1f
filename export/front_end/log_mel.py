"""The log-mel spectrogram of `tinyasc.mel` as operators: what the file form of each step is, and why.

Frames are not gathered: the mirrored signal lies as rows of one hop, and a frame is some neighbouring rows side by
side, so all frames together are a few slices. Mirroring is a product with two small permutation matrices, exact to
the last bit, for runtimes whose fast kernels have no mirror padding.

Shapes: S samples, T frames, L hop length, W window length (in whole rows of the transform), F mel bands.
"""

from collections.abc import Iterator
from math import ceil, sqrt

import numpy as np

from compress.arithmetic.arithmetic import Arithmetic, Tensor
from export.front_end.bands import mel_power
from export.front_end.fourier import Fourier, fourier
from tinyasc.errors import UserError
from tinyasc.mel import MelConfig, frames, hann, mel_bank

AT_A_TIME = 16
"""Frames that are transformed together: what they become on the way stays in a processor's cache."""
EIGHT = 8
"""Sides of the squares that mirror are multiples of it, so that both ends share one matrix."""


def log_mel(arithmetic: Arithmetic, waveform: Tensor, config: MelConfig) -> Tensor:
    """A waveform (1, S), full scale = 1, to its normalised log-mel (F, T).

    Raises:
        UserError: the waveform is too short to be mirrored.
    """
    n_frames = frames(config, waveform.shape[1])
    highest = int(np.flatnonzero(mel_bank(config).any(axis=0)).max(initial=0))
    transform = fourier(config.n_fft, config.win_length, highest)
    signal = _pre_emphasis(arithmetic, waveform, config.pre_emphasis)
    powers = [transform.power(arithmetic, part) for part in _frames(arithmetic, signal, n_frames, transform, config)]
    mel = mel_power(arithmetic, arithmetic.concatenate(powers, 0), transform.bins, config)  # (T, F)

    def number(value: float) -> Tensor:
        return arithmetic.constant(np.full(1, value, np.float32))

    logarithm = arithmetic.log(arithmetic.add(mel, number(config.log_offset)))
    normalised = arithmetic.divide(arithmetic.add(logarithm, number(config.shift)), number(config.scale))
    return arithmetic.transpose(normalised, (1, 0))


def _pre_emphasis(arithmetic: Arithmetic, waveform: Tensor, factor: float) -> Tensor:
    """y[i] = x[i + 1] - factor x[i], (1, S - 1); the waveform itself without."""
    if not factor:
        return waveform
    length = waveform.shape[1] - 1
    now, before = (arithmetic.narrow(waveform, 1, start, length) for start in (1, 0))
    return arithmetic.subtract(now, arithmetic.multiply(before, arithmetic.constant(np.full(1, factor, np.float32))))


def _frames(
    arithmetic: Arithmetic, signal: Tensor, n_frames: int, transform: Fourier, config: MelConfig
) -> Iterator[Tensor]:
    """A signal (1, S) to windowed frames (T, W), some frames at a time."""
    hop, length = config.hop_length, transform.window_length
    rows = n_frames - 1 + -(-length // hop)
    centre = config.n_fft // 2 - (config.n_fft - config.win_length) // 2  # of the first window: the signal's beginning
    blocks = arithmetic.reshape(_mirrored(arithmetic, signal, centre, rows * hop), (rows, hop))
    window = np.zeros((1, length), np.float32)
    window[0, : config.win_length] = hann(config)
    for first in range(0, n_frames, AT_A_TIME):
        parts = []
        for start in range(0, length, hop):
            part = arithmetic.narrow(blocks, 0, first + start // hop, min(AT_A_TIME, n_frames - first))
            parts.append(arithmetic.narrow(part, 1, 0, min(hop, length - start)))
        yield arithmetic.multiply(arithmetic.concatenate(parts, 1), arithmetic.constant(window))


def _mirrored(arithmetic: Arithmetic, signal: Tensor, before: int, length: int) -> Tensor:
    """`before` mirrored samples, the signal (1, S), and as much of its mirrored end as makes `length`."""
    samples = signal.shape[1]
    after = length - before - samples
    if after <= 0:
        end = [arithmetic.narrow(signal, 1, 0, samples + after)]
    else:
        end = [signal, _reversed(arithmetic, signal, samples - 1 - after, after)]
    return arithmetic.concatenate([_reversed(arithmetic, signal, 1, before), *end], 1)


def _reversed(arithmetic: Arithmetic, signal: Tensor, start: int, length: int) -> Tensor:
    """`length` samples of a signal (1, S) from `start` on, last first: rows and columns of a square, turned round."""
    side = EIGHT * ceil(sqrt(length) / EIGHT)
    first = min(start, signal.shape[1] - side**2)
    if first < 0:
        raise UserError(f"mel: {signal.shape[1]} samples are too few to be mirrored by {length}: take a shorter window")
    square = arithmetic.reshape(arithmetic.narrow(signal, 1, first, side**2), (side, side))
    turn = np.eye(side, dtype=np.float32)[::-1]
    turned = arithmetic.matrix_times(turn, arithmetic.times_matrix(square, turn))
    return arithmetic.narrow(arithmetic.reshape(turned, (1, side**2)), 1, first + side**2 - start - length, length)
