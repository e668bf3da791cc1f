"""The proof that the files are the program: the same int8 inputs through the simulator and through every runtime.

Shapes: N inputs, C channels, F mel bands, T frames, K classes.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from compress.program import Program
from compress.quantization import INT8_MAX, INT8_MIN
from compress.simulate import BATCH, simulate
from export.runtimes import Runtime

Int8 = NDArray[np.int8]


@dataclass(frozen=True)
class Agreement:
    """One runtime against the simulator."""

    file: str
    runtime: str
    kernels: str
    threads: int
    inputs: int
    logits: int
    """Compared: inputs x classes."""
    differing: int
    """Logits that are not equal."""
    largest_difference: int
    """In steps of the output scale."""

    def to_dict(self) -> dict[str, object]:
        """As `parity.json` holds it."""
        return asdict(self)


def varied_inputs(real: Int8, count: int, seed: int) -> Int8:
    """Inputs that move every layer: real clips, changed clips, and stress far outside what was heard.

    A fifth of each: real clips rolled in time and frequency; real clips louder, softer or offset, clipped to int8;
    two real clips mixed; smooth random fields; plain noise of random spread, the extremes among it.

    Args:
        real: int8 (n, C, F, T), some real inputs of the program.
        count: N, how many to make.
        seed: of every random choice.

    Returns:
        int8 (N, C, F, T).
    """
    random = np.random.default_rng(seed)
    shape = real.shape[1:]
    made = []
    for number in range(count):
        clip = real[random.integers(len(real))].astype(np.float64)
        kind = number % 5
        if kind == 0:
            made.append(np.roll(clip, random.integers(0, shape[1:]), axis=(1, 2)))
        elif kind == 1:
            made.append(clip * random.uniform(0.2, 3) + random.normal(0, 40))
        elif kind == 2:
            share = random.uniform()
            made.append(share * clip + (1 - share) * real[random.integers(len(real))])
        elif kind == 3:
            coarse = random.normal(0, 80, (*shape[:1], 8, 8)) + random.normal(0, 40)
            made.append(np.kron(coarse, np.ones((1, -(-shape[1] // 8), -(-shape[2] // 8))))[:, : shape[1], : shape[2]])
        else:
            made.append(random.normal(random.normal(0, 60), random.uniform(1, 150), shape))
    return np.clip(np.rint(np.stack(made)), INT8_MIN, INT8_MAX).astype(np.int8)


def compare(program: Program, inputs: Int8, runtimes: Iterable[tuple[str, Runtime]]) -> list[Agreement]:
    """Each (file name, runtime) against the simulator over the inputs (N, C, F, T)."""
    parts = [inputs[i : i + BATCH] for i in range(0, len(inputs), BATCH)]
    expected = np.concatenate([simulate(program, part) for part in tqdm(parts, "simulate", unit="batch", leave=False)])
    found = []
    for file, runtime in runtimes:
        outputs = np.concatenate([runtime.run(part) for part in tqdm(parts, runtime.name, unit="batch", leave=False)])
        difference = np.abs(outputs.astype(np.int64) - expected)
        found.append(
            Agreement(
                file,
                runtime.name,
                runtime.kernels,
                runtime.threads,
                len(inputs),
                expected.size,
                int(np.count_nonzero(difference)),
                int(difference.max()),
            )
        )
    return found
