"""The proof that the files are the program: the same int8 inputs through the simulator and through every runtime.

Shapes: N inputs, C channels, F mel bands, T frames, K classes.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from compress.program import Program
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
