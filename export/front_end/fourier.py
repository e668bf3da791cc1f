"""The power spectrum of real frames as two small matrix products (Cooley and Tukey's factors of N, once).

With N = A B, the sample n = B a + b and the bin k = c + A d:

    X[k] = sum_b e^(-2 pi i b d / B) e^(-2 pi i b c / N) sum_a x[n] e^(-2 pi i a c / A)
           second product            twiddle factors     first product

A runtime's Fourier transform is scalar double-precision code, and cuts the graph in two; matrix products are what its
kernels are best at. CP-Mobile's N = 4096 = 128 x 32 needs 0.7 million multiplications a frame, a fiftieth of a dense
transform's, and 80 kB of constants where that has 48 MB.

Frames are real, so |X[N - k]| = |X[k]|, and c from 0 to A / 2 is enough. Taken in the order d = 0, B - 1, 1, B - 2, ...
row r of the outcome holds the bins r A / 2 to (r + 1) A / 2, upwards in even rows and downwards in odd ones: neighbours
stay neighbours, as narrow mel bands want it. A bin where two rows meet is in both.

Shapes: T frames, A x B = N, H = A / 2 + 1, W window length in whole rows of B, R = W / B, D rows of bins.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from compress.arithmetic.arithmetic import Arithmetic, Tensor

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
