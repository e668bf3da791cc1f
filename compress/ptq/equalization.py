"""Cross-layer equalization: factors per channel between two convolutions that leave the float network as it is.

With ReLU between, or nothing, dividing what a convolution gives in channel i by s_i > 0 and multiplying by it what the
next one takes there changes nothing (Nagel et al. 2019, arXiv:1906.04721, section 4.1), nor does an average pooling
in between. An addition mixes channels of several sources, a response norm all channels: the factors end there.

Two choices of the factors:

- weights: s_i = sqrt(r1_i / r2_i), with r1 and r2 the largest weights of channel i on either side, so that both become
  sqrt(r1_i r2_i); the paper's equation 11. It is made for one step for all weights of a convolution.
- activations: with a step for each output channel the first convolution loses nothing by small weights, but the value
  between has one step for all its channels: r1 is the largest value of each channel instead, as in SmoothQuant (Xiao
  et al. 2022, arXiv:2211.10438, equation 4, strength 1/2). A depthwise convolution takes any factor with its own steps,
  so before one s_i = r1_i: every channel has the whole range of the int8.

Shapes: B batch, C channels, F mel bands, T frames, O output channels in G groups.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from compress.operations.convolution import Convolution
from compress.program import Program
from compress.simulate import run_float

Kind = Literal["none", "weights", "activations"]
PASSES = 10
"""Over all pairs: in expand -> depthwise -> project both pairs change the depthwise weights. A few are enough."""
SMALLEST = 1e-3
"""Share of the largest channel that every other counts as at least, so that a dead one is not blown up."""


def equalized(program: Program, batches: Sequence[Tensor], kind: Kind) -> Program:
    """A float program of the same function whose channels use their ranges more evenly.

    Args:
        program: a float program.
        batches: log-mel (B, C, F, T), at least one; only what `activations` looks at.
        kind: of the factors.
    """
    operations = list(program.operations)
    found = pairs(program)
    largest = _largest(program, batches) if kind == "activations" else {}
    for _ in range({"none": 0, "activations": 1, "weights": PASSES}[kind]):
        for first, second in found:
            before, after = operations[first], operations[second]
            assert isinstance(before, Convolution) and isinstance(after, Convolution)  # noqa: PT018 - what pairs gives
            factors = _factors(before, after, largest.get(before.output))
            operations[first], operations[second] = _scaled(before, after, factors)
    return replace(program, operations=tuple(operations))


def pairs(program: Program) -> list[tuple[int, int]]:
    """Numbers of the convolutions that feed another one and nothing else, and of those that they feed."""
    users: dict[str, list[int]] = {program.output: [-1]}
    for index, operation in enumerate(program.operations):
        for name in operation.inputs:
            users.setdefault(name, []).append(index)
    found = []
    for index, operation in enumerate(program.operations):
        if not _has_weights(operation):
            continue
        last = operation.output
        while len(users[last]) == 1 and users[last][0] >= 0:
            user = program.operations[users[last][0]]
            if _has_weights(user):
                found.append((index, users[last][0]))
            if _has_weights(user) or not isinstance(user, Convolution):
                break
            last = user.output  # a pooling
    return found


def _has_weights(operation: object) -> bool:
    return isinstance(operation, Convolution) and operation.trainable


def _factors(before: Convolution, after: Convolution, largest: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """s, (C,), of a geometric mean of 1."""
    given = _raised(np.abs(before.weight).max((1, 2, 3)) if largest is None else largest)
    taken = _raised(np.abs(_grouped(after)).max((1, 3, 4)).ravel())
    factors = given if largest is not None and after.depthwise else np.sqrt(given / taken)
    return (factors / np.exp(np.log(factors).mean())).astype(np.float32)


def _raised(ranges: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.maximum(ranges, max(SMALLEST * float(ranges.max()), np.finfo(np.float32).tiny))


def _scaled(before: Convolution, after: Convolution, s: NDArray[np.float32]) -> tuple[Convolution, Convolution]:
    first = replace(before, weight=before.weight / s[:, None, None, None], bias=before.bias / s)
    inputs = s.reshape(after.groups, 1, -1, 1, 1)
    return first, replace(after, weight=(_grouped(after) * inputs).reshape(after.weight.shape))


def _grouped(operation: Convolution) -> NDArray[np.float32]:
    """The weights by the channels that they take: (G, O / G, C / G, kernel F, kernel T)."""
    return operation.weight.reshape(operation.groups, -1, *operation.weight.shape[1:])


def _largest(program: Program, batches: Sequence[Tensor]) -> dict[str, NDArray[np.float32]]:
    """The largest magnitude of each channel of every map, (C,)."""
    found: dict[str, Tensor] = {}
    for log_mel in batches:
        maps = {name: value for name, value in run_float(program, log_mel).items() if value.dim() == log_mel.dim()}
        for name, value in maps.items():
            largest = value.abs().amax((0, 2, 3))
            found[name] = torch.maximum(found[name], largest) if name in found else largest
    return {name: value.numpy() for name, value in found.items()}
