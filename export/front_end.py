"""The front-end inside the model: the log-mel spectrogram of `tinyasc.mel` as operators of .tflite and .onnx.

Frames are not gathered: the mirrored signal lies as rows of one hop, and a frame is some neighbouring rows side by
side, so all frames together are a few slices. Mirroring is a product with two small permutation matrices, exact to
the last bit, for runtimes whose fast kernels have no mirror padding.

The power spectrum of real frames is two small matrix products (Cooley and Tukey's factors of N, once). With N = A B,
the sample n = B a + b and the bin k = c + A d:

    X[k] = sum_b e^(-2 pi i b d / B) e^(-2 pi i b c / N) sum_a x[n] e^(-2 pi i a c / A)
           second product            twiddle factors     first product

A runtime's Fourier transform is scalar double-precision code, and cuts the graph in two; matrix products are what its
kernels are best at. CP-Mobile's N = 4096 = 128 x 32 needs 0.7 million multiplications a frame, a fiftieth of a dense
transform's, and 80 kB of constants where that has 48 MB.

Frames are real, so |X[N - k]| = |X[k]|, and c from 0 to A / 2 is enough. Taken in the order d = 0, B - 1, 1, B - 2, ...
row r of the outcome holds the bins r A / 2 to (r + 1) A / 2, upwards in even rows and downwards in odd ones: neighbours
stay neighbours, as narrow mel bands want it. A bin where two rows meet is in both.

The mel bank is in narrow slices: a band has weight on a few neighbouring bins, a dense bank is zero nearly everywhere.
CP-Mobile's dense bank of 256 x 2049 is 2.1 MB and 34 million multiplications a second, more than its network; in
groups of eight bands it is 0.1 MB and 1.5 million.

Shapes: S samples, L hop length, T frames, A x B = N, H = A / 2 + 1, W window length in whole rows of B, R = W / B,
D rows of bins, P positions of the power spectrum, F mel bands.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from compress.arithmetic.arithmetic import Arithmetic, Tensor
from tinyasc.errors import UserError
from tinyasc.mel import MelConfig, frames, hann, mel_bank

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Fourier:
    """A factored transform of length `outer` x `inner`."""

    outer: int
    """A, even."""
    inner: int
    """B."""
    rows: int
    """R: rows of B samples under the window; the rest of the frame is zero."""
    bin_rows: int
    """D: rows of bins that are wanted, from the lowest."""

    @property
    def window_length(self) -> int:
        """W."""
        return self.rows * self.inner

    @property
    def macs(self) -> int:
        """Multiplications of the two products for a frame."""
        half = self.outer // 2 + 1
        return 2 * half * self.rows * self.inner + 4 * half * self.inner * self.bin_rows

    @cached_property
    def bins(self) -> NDArray[np.int64]:
        """The bin at each position of the outcome (D H,)."""
        half = self.outer // 2
        row, place = np.divmod(np.arange(self.bin_rows * (half + 1)), half + 1)
        return row * half + np.where(row % 2, half - place, place)

    def power(self, arithmetic: Arithmetic, frames: Tensor) -> Tensor:
        """Windowed frames (T, W) to |X|^2, (T, D H)."""
        n_frames, half = frames.shape[0], self.outer // 2 + 1
        samples = arithmetic.reshape(frames, (n_frames, self.rows, self.inner))
        cosine, sine = _turns(np.outer(np.arange(half), np.arange(self.rows)), self.outer)
        parts = arithmetic.matrix_times(np.concatenate([cosine, -sine]), samples)  # (T, 2 H, B)
        real, imaginary = (arithmetic.narrow(parts, 1, start, half) for start in (0, half))
        twiddle = _turns(np.outer(np.arange(half), np.arange(self.inner)), self.outer * self.inner)
        cosine, sine = (arithmetic.constant(values[None]) for values in twiddle)
        turned_real = arithmetic.add(arithmetic.multiply(real, cosine), arithmetic.multiply(imaginary, sine))
        turned_imaginary = arithmetic.subtract(arithmetic.multiply(imaginary, cosine), arithmetic.multiply(real, sine))
        turned = arithmetic.concatenate([turned_real, turned_imaginary], 2)  # (T, H, 2 B)
        row = np.arange(self.bin_rows)
        order = np.where(row % 2, self.inner - 1 - row // 2, row // 2)
        cosine, sine = _turns(np.outer(np.arange(self.inner), order), self.inner)
        real = arithmetic.times_matrix(turned, np.concatenate([cosine, sine]))  # (T, H, D)
        imaginary = arithmetic.times_matrix(turned, np.concatenate([-sine, cosine]))
        power = arithmetic.add(arithmetic.multiply(real, real), arithmetic.multiply(imaginary, imaginary))
        return arithmetic.reshape(arithmetic.transpose(power, (0, 2, 1)), (n_frames, self.bin_rows * half))


def fourier(n_fft: int, window_length: int, highest_bin: int) -> Fourier:
    """The factors of `n_fft` (even) that need the fewest multiplications for the bins 0 to `highest_bin`."""
    choices = []
    for outer in range(2, n_fft + 1, 2):
        if n_fft % outer == 0:
            inner = n_fft // outer
            bin_rows = max(1, -(-highest_bin // (outer // 2)))
            choices.append(Fourier(outer, inner, -(-window_length // inner), bin_rows))
    return min(choices, key=lambda choice: choice.macs)


def _turns(products: NDArray[np.int64], whole: int) -> tuple[Float32, Float32]:
    """Cosine and sine of `products` parts of a turn that has `whole` parts; reduced first, so that they are exact."""
    angles = 2 * np.pi / whole * (products % whole)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


GROUP = 8
"""Bands of a group. The time is the same from 8 to 32, the bytes are not."""


def mel_power(arithmetic: Arithmetic, power: Tensor, bins: NDArray[np.int64], config: MelConfig) -> Tensor:
    """The power spectrum (T, P), with `bins` (P,) at its positions, to mel power (T, F)."""
    bank = _weights(bins, config)
    groups = []
    for first in range(0, config.n_mels, GROUP):
        weights = bank[:, first : first + GROUP]
        used = np.flatnonzero(weights.any(axis=1))
        start, stop = (used[0], used[-1] + 1) if len(used) else (0, 1)  # bands may be too narrow to hold any bin
        part = arithmetic.narrow(power, 1, int(start), int(stop - start))
        groups.append(arithmetic.times_matrix(part, weights[start:stop]))
    return arithmetic.concatenate(groups, 1)


def _weights(bins: NDArray[np.int64], config: MelConfig) -> NDArray[np.float32]:
    """The mel bank for positions, (P, F); of the positions of one bin, the first has its weight."""
    _, first = np.unique(bins, return_index=True)
    weights = np.zeros((len(bins), config.n_mels), np.float32)
    weights[first] = mel_bank(config).T[bins[first]]
    return weights


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
