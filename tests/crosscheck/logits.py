"""How far a runtime's logits may be from ours, and the line that says how far they are.

Lengths are steps of the output's scale.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

EXACT = 0
"""XNNPACK's kernels, which requantize with one float32 product and one rounding, as the simulator does."""
FIXED_POINT = 8
"""Kernels that requantize in fixed point: the multiplier is cut to 31 bits and the product is rounded twice, a value in
the middle of two integers upwards. A value of a layer may be one step apart, seldom; some twenty layers carry that on,
and a response norm scales whole maps by it. Over 512 varied inputs of each of two CP-Mobiles the largest difference was
4 steps without response norm and 7 with it (far out of range; 3 on real clips); 8 of 255 are 3 % of the range."""


@dataclass(frozen=True)
class Comparison:
    """Logits (N, K) of a runtime beside ours."""

    found: np.ndarray
    expected: np.ndarray
    largest_step: int
    """By which a logit may differ: EXACT or FIXED_POINT."""

    @property
    def steps(self) -> np.ndarray:
        return np.abs(self.found.astype(int) - self.expected)

    @property
    def differing_answers(self) -> np.ndarray:
        """(N,) whether the best label is another one."""
        return self.found.argmax(axis=1) != self.expected.argmax(axis=1)

    @property
    def clear(self) -> np.ndarray:
        """(N,) whether our best logit leads by more than the tolerance can make up for."""
        ordered = np.sort(self.expected.astype(int), axis=1)
        return ordered[:, -1] - ordered[:, -2] > 2 * self.largest_step

    @property
    def agreed(self) -> bool:
        return bool(self.steps.max() <= self.largest_step)

    def __str__(self) -> str:
        allowed = f", {self.largest_step} allowed" if self.largest_step else ""
        return (
            f"{np.count_nonzero(self.steps)} of {self.steps.size} logits differ, by up to {self.steps.max()} steps"
            f"{allowed}; {self.differing_answers.sum()} of {len(self.steps)} answers differ"
        )


def outputs(interpreter: Any, inputs: np.ndarray) -> np.ndarray:
    """What a file gives for inputs (N, ...) with the batch of 1, in the `Interpreter` of any TFLite package: (N, K)."""
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    found = []
    for one in inputs:
        interpreter.set_tensor(source, one)
        interpreter.invoke()
        found.append(interpreter.get_tensor(result)[0])
    return np.array(found)
