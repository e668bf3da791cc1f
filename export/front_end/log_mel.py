"""The log-mel spectrogram of `tinyasc.mel` as operators: what the file form of each step is, and why.

Frames are not gathered: the mirrored signal lies as rows of one hop, and a frame is some neighbouring rows side by
side, so all frames together are a few slices. Mirroring is a product with two small permutation matrices, exact to
the last bit, for runtimes whose fast kernels have no mirror padding.

Shapes: S samples, T frames, L hop length, W window length (in whole rows of the transform), F mel bands.
"""

from collections.abc import Iterator
from math import ceil, sqrt

import numpy as np

from export.front_end.bands import mel_power
from export.front_end.fourier import Fourier, fourier
from export.front_end.operations import Operations, Tensor
from tinyasc.errors import UserError
from tinyasc.mel import MelConfig, frames, hann, mel_bank

AT_A_TIME = 16
"""Frames that are transformed together: what they become on the way stays in a processor's cache."""
EIGHT = 8
"""Sides of the squares that mirror are multiples of it, so that both ends share one matrix."""


def log_mel(operations: Operations, waveform: Tensor, config: MelConfig) -> Tensor:
    """A waveform (1, S), full scale = 1, to its normalised log-mel (F, T).

    Raises:
        UserError: the waveform is too short to be mirrored.
    """
    n_frames = frames(config, waveform.shape[1])
    highest = int(np.flatnonzero(mel_bank(config).any(axis=0)).max(initial=0))
    transform = fourier(config.n_fft, config.win_length, highest)
    signal = _pre_emphasis(operations, waveform, config.pre_emphasis)
    powers = [transform.power(operations, part) for part in _frames(operations, signal, n_frames, transform, config)]
    mel = mel_power(operations, operations.concatenate(powers, 0), transform.bins, config)  # (T, F)

    def number(value: float) -> Tensor:
        return operations.constant(np.full(1, value, np.float32))

    logarithm = operations.log(operations.add(mel, number(config.log_offset)))
    normalised = operations.divide(operations.add(logarithm, number(config.shift)), number(config.scale))
    return operations.transpose(normalised, (1, 0))


def _pre_emphasis(operations: Operations, waveform: Tensor, factor: float) -> Tensor:
    """y[i] = x[i + 1] - factor x[i], (1, S - 1); the waveform itself without."""
    if not factor:
        return waveform
    length = waveform.shape[1] - 1
    now, before = (operations.narrow(waveform, 1, start, length) for start in (1, 0))
    return operations.subtract(now, operations.multiply(before, operations.constant(np.full(1, factor, np.float32))))


def _frames(
    operations: Operations, signal: Tensor, n_frames: int, transform: Fourier, config: MelConfig
) -> Iterator[Tensor]:
    """A signal (1, S) to windowed frames (T, W), some frames at a time."""
    hop, length = config.hop_length, transform.window_length
    rows = n_frames - 1 + -(-length // hop)
    centre = config.n_fft // 2 - (config.n_fft - config.win_length) // 2  # of the first window: the signal's beginning
    blocks = operations.reshape(_mirrored(operations, signal, centre, rows * hop), (rows, hop))
    window = np.zeros((1, length), np.float32)
    window[0, : config.win_length] = hann(config)
    for first in range(0, n_frames, AT_A_TIME):
        parts = []
        for start in range(0, length, hop):
            part = operations.narrow(blocks, 0, first + start // hop, min(AT_A_TIME, n_frames - first))
            parts.append(operations.narrow(part, 1, 0, min(hop, length - start)))
        yield operations.multiply(operations.concatenate(parts, 1), operations.constant(window))


def _mirrored(operations: Operations, signal: Tensor, before: int, length: int) -> Tensor:
    """`before` mirrored samples, the signal (1, S), and as much of its mirrored end as makes `length`."""
    samples = signal.shape[1]
    after = length - before - samples
    if after <= 0:
        end = [operations.narrow(signal, 1, 0, samples + after)]
    else:
        end = [signal, _reversed(operations, signal, samples - 1 - after, after)]
    return operations.concatenate([_reversed(operations, signal, 1, before), *end], 1)


def _reversed(operations: Operations, signal: Tensor, start: int, length: int) -> Tensor:
    """`length` samples of a signal (1, S) from `start` on, last first: rows and columns of a square, turned round."""
    side = EIGHT * ceil(sqrt(length) / EIGHT)
    first = min(start, signal.shape[1] - side**2)
    if first < 0:
        raise UserError(f"mel: {signal.shape[1]} samples are too few to be mirrored by {length}: take a shorter window")
    square = operations.reshape(operations.narrow(signal, 1, first, side**2), (side, side))
    turn = np.eye(side, dtype=np.float32)[::-1]
    turned = operations.matrix_times(turn, operations.times_matrix(square, turn))
    return operations.narrow(operations.reshape(turned, (1, side**2)), 1, first + side**2 - start - length, length)
