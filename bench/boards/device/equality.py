"""Whether a target gives the outputs that this machine gives, on the same file and the same raw inputs.

Like is compared with like: XNNPACK with XNNPACK, built-in kernels with built-in kernels. The gap between two kernel
families on one machine is larger than the gap between two machines with one family, and says nothing about the target.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench.boards.device import inputs, result, runner
from bench.boards.device.result import Configuration, Equality
from bench.measure.figure import Origin

EXACT, ONE_STEP = 0.0, 1.0
FLOAT = 1e-3
"""Share of the largest value: sums of floats in another order, over some dozen layers."""
STEPS_INSIDE = 0.05
"""The same for a float output behind an integer network: one step of it is a percent of a score."""


@dataclass(frozen=True)
class Difference:
    """Two sets of outputs of one model."""

    inputs: int
    differing: float
    """Share of the values that differ."""
    largest_difference: float
    """Integers: steps. Floats: share of the largest value of the reference."""
    same_top1: int
    """Inputs whose highest output is the same one."""

    def agreed(self, allowed: float) -> bool:
        """No value further off than allowed, and the same answer to every input."""
        return self.largest_difference <= allowed and self.same_top1 == self.inputs


def difference(reference: np.ndarray, found: np.ndarray) -> Difference:
    """Compare outputs (n, ...) of one type.

    Raises:
        ValueError: they differ in shape or type: not the outputs of one model on the same inputs.
    """
    if reference.shape != found.shape or reference.dtype != found.dtype:
        raise ValueError(f"outputs of {found.shape} {found.dtype} against {reference.shape} {reference.dtype}")
    ours, theirs = reference.reshape(len(reference), -1), found.reshape(len(found), -1)
    largest = float(np.abs(theirs.astype(np.float64) - ours.astype(np.float64)).max())
    if reference.dtype.kind == "f":
        largest /= float(np.abs(ours).max()) or 1.0
    if not np.isfinite(largest):  # JSON has no word for it
        largest = float(np.finfo(np.float64).max)
    same = int((ours.argmax(axis=1) == theirs.argmax(axis=1)).sum())
    return Difference(len(ours), float((ours != theirs).mean()), largest, same)


def allowed(kernels: str, outputs: np.dtype[Any], integer: bool) -> float:
    """The difference between two machines that still agrees, as `Difference.largest_difference` has it.

    Args:
        kernels: the family that ran on both.
        outputs: type of the outputs.
        integer: whether the network inside computes in integers.
    """
    if outputs.kind == "f":
        return STEPS_INSIDE if integer else FLOAT
    # Seen, int8: XNNPACK of x86 against that of Arm differs by one step in 0.05 % of the values, the others in none.
    return ONE_STEP if kernels == "XNNPACK" else EXACT


class Place(NamedTuple):
    """What ran on a target, and where."""

    configuration: Configuration
    path: str
    """Where the paths of its figures begin."""
    board: str
    """Its name."""


class Reference(NamedTuple):
    """What this machine's runtime answers."""

    name: str
    """Runtime, version and kernels."""
    outputs: np.ndarray
    """(n, ...)"""


def reference(path: Path, kernels: str, raw: np.ndarray) -> Reference:
    """The answers of this machine to compare with.

    Args:
        path: model file.
        kernels: the family that the target used.
        raw: inputs (n, *input shape).
    """
    model = runner.load(path, threads=1, kernels="built-in" if kernels == "built-in kernels" else "default")
    outputs = np.stack([np.array(model.run(np.ascontiguousarray(one))) for one in raw])
    return Reference(f"{model.runtime}, {model.kernels}", outputs)


def compare(place: Place, expected: Reference, outputs: np.ndarray, integer: bool) -> tuple[Equality | None, list[str]]:
    """The entry of a result's part "equality" for one file, and warnings; no entry where none would mean anything.

    Args:
        place: what ran on the target.
        expected: of this machine.
        outputs: of the target, on the same inputs.
        integer: whether the network inside computes in integers.
    """
    file, kernels = place.configuration.file, place.configuration.kernels
    if not expected.name.endswith(kernels):
        return None, [f"{file} ran in {kernels} there and in {expected.name} here: not compared."]
    if not inputs.vary(expected.outputs):
        count = len(expected.outputs)
        return None, [f"{file} answers {count} inputs nearly alike, equal answers prove nothing: not compared."]
    found, limit = difference(expected.outputs, outputs), allowed(kernels, outputs.dtype, integer)
    source = f"{result.source(place.configuration, place.board)}; against {expected.name}"
    figure, share = Origin(place.path, source).figure, found.same_top1 / found.inputs
    entry = Equality(
        **vars(place.configuration),
        reference=expected.name,
        inputs=found.inputs,
        differing=figure("differing", found.differing, "fraction"),
        largest_difference=found.largest_difference,
        same_top1=found.same_top1,
        same_share=figure("same_top1", share, "fraction"),
        allowed=limit,
        agreed=found.agreed(limit),
    )
    if entry.agreed:
        return entry, []
    return entry, [
        f"{file} answers otherwise than on this machine: {found.same_top1} of {found.inputs} inputs get the same "
        f"answer, the largest difference is {found.largest_difference:.3g} and {limit:.3g} is allowed."
    ]
