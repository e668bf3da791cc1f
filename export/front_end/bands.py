"""The mel bank in narrow slices: a band has weight on a few neighbouring bins, a dense bank is zero nearly everywhere.

CP-Mobile's dense bank of 256 x 2049 is 2.1 MB and 34 million multiplications a second, more than its network; in
groups of eight bands it is 0.1 MB and 1.5 million.

Shapes: T frames, P positions of the power spectrum, F mel bands.
"""

import numpy as np
from numpy.typing import NDArray

from compress.arithmetic.arithmetic import Arithmetic, Tensor
from tinyasc.mel import MelConfig, mel_bank

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
