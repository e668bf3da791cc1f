"""Varied inputs of an INT8 program: what a proof of equality must have tried.

Shapes: N inputs, C channels, F mel bands, T frames.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from compress.quantization import INT8_MAX, INT8_MIN

Int8 = NDArray[np.int8]
Reals = NDArray[np.floating[Any]]


def varied_inputs(real: Int8, zero_point: int, count: int, seed: int) -> dict[str, Int8]:
    """Inputs that move every layer: the edges, real clips, changed clips, and stress far outside what was heard.

    First three whose values are all alike: 0.0, the lowest integer, the highest. Then the real clips untouched, at most
    an eighth of all; then as many of each of CHANGES, in steps of the input from its zero point, clipped to int8.

    Args:
        real: int8 (n, C, F, T), some real inputs of the program.
        zero_point: the integer that stands for 0.0.
        count: N, how many to make, at least 16.
        seed: of every random choice.

    Returns:
        int8 (?, C, F, T) by kind, N in all.
    """
    random = np.random.default_rng(seed)
    alike = {"all zero": zero_point, "all lowest": INT8_MIN, "all highest": INT8_MAX}
    made = {kind: np.full((1, *real.shape[1:]), value, np.int8) for kind, value in alike.items()}
    made["real"] = real[: count // 8]
    left = count - len(alike) - len(made["real"])
    steps = real.astype(np.float64) - zero_point
    for number, (kind, change) in enumerate(CHANGES.items()):
        share = len(range(number, left, len(CHANGES)))
        changed = np.stack([change(random, steps) for _ in range(share)])
        made[kind] = np.clip(np.rint(changed + zero_point), INT8_MIN, INT8_MAX).astype(np.int8)
    return made


def _clip(random: Generator, steps: Reals) -> Reals:
    """One real clip (C, F, T)."""
    return steps[random.integers(len(steps))]


def _rolled(random: Generator, steps: Reals) -> Reals:
    return np.roll(_clip(random, steps), random.integers(0, steps.shape[2:]), axis=(1, 2))


def _clipped(random: Generator, steps: Reals) -> Reals:
    return _clip(random, steps) * random.uniform(0.2, 3) + random.normal(0, 40)


def _out_of_range(random: Generator, steps: Reals) -> Reals:
    return _clip(random, steps) * 10 ** random.uniform(0.5, 2) + random.normal(0, 400)


def _mixed(random: Generator, steps: Reals) -> Reals:
    share = random.uniform()
    return share * _clip(random, steps) + (1 - share) * _clip(random, steps)


def _smooth(random: Generator, steps: Reals) -> Reals:
    channels, frequencies, frames = steps.shape[1:]
    coarse = random.normal(0, 80, (channels, 8, 8)) + random.normal(0, 40)
    fine = np.kron(coarse, np.ones((1, -(-frequencies // 8), -(-frames // 8))))
    return fine[:, :frequencies, :frames]


def _noise(random: Generator, steps: Reals) -> Reals:
    return random.normal(random.normal(0, 60), random.uniform(1, 150), steps.shape[1:])


CHANGES: dict[str, Callable[[Generator, Reals], Reals]] = {
    "rolled": _rolled,
    "clipped": _clipped,
    "out of range": _out_of_range,
    "mixed": _mixed,
    "smooth": _smooth,
    "noise": _noise,
}
"""Clips (n, C, F, T) to one input (C, F, T): a real clip rolled in frequency and time; louder, softer or offset, until
it clips; far beyond int8; two real clips mixed; a smooth random field; plain noise of any spread."""
