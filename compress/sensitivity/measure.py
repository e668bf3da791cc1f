"""What INT8 costs, layer by layer: each layer alone in an otherwise float network, and all of them together.

SQNR is the signal-to-quantization-noise ratio in decibels, 10 log10(sum x^2 / sum (x' - x)^2), x the real numbers of
the float program and x' those that stand in their place, summed over all elements and clips: 6 dB are one bit.

A layer alone is the float program with this layer's own error put on its output,

    y = f(x) + step (Q(q(x)) - z) - f(deq(q(x)))

with f the float operation, Q the integer one, x its real inputs, q their rounding to integers and deq its inverse. The
error holds the rounding of the weights, of what is inside and of the output. The rounding of the inputs is on both
sides of the difference: it belongs to the layers that made them, and to the program's input.

Shapes: B batch, C channels, F mel bands, T frames, n clips, K classes.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from compress import simulate
from compress.operations.operation import Operation
from compress.program import Program
from compress.simulate import run_float
from tinyasc.metrics import macro_accuracy

INPUT = "input"
"""Kind of the first row."""


@dataclass(frozen=True)
class Answers:
    """What a network answers, against the float one."""

    moved: float
    """Mean |logit - float logit|."""
    changed: float
    """Share of the clips that get another answer."""
    accuracy: float
    """Macro accuracy, minus that of float."""


@dataclass(frozen=True)
class Layer:
    """One operation of a program, or its input; SQNR in dB, infinite where nothing is lost."""

    name: str
    """The network's own name of the layer; where that is empty, the program's of its output."""
    value: str
    """The program's name of its output."""
    kind: str
    """Of the operation, or INPUT."""
    weights: float | None
    """SQNR of its weights; None: it has none."""
    rounding: float
    """SQNR of its float output when that alone is rounded to its integers: what no weights can improve."""
    clipped: float
    """Share of its float output that lies beyond the range of its integers."""
    alone: float
    """SQNR of its output when it is the only layer in INT8."""
    whole: float
    """SQNR of its output in the whole INT8 program, the errors of all layers before it included."""
    answers: Answers
    """When it is the only layer in INT8."""


@dataclass(frozen=True)
class Sensitivity:
    """All layers in running order, and the whole INT8 program."""

    layers: tuple[Layer, ...]
    """The program's input first."""
    whole: Answers
    """When all of them are in INT8."""
    accuracy: float
    """Macro accuracy of the float program on these clips."""
    clips: int
    """n."""


def sqnr(signal: float, error: float) -> float:
    """10 log10(signal / error) of two sums of squares, dB; infinite without an error."""
    if error == 0:
        return float("inf")
    return float(10 * np.log10(signal / error)) if signal > 0 else float("-inf")


@torch.inference_mode()
def measure(program: Program, int8: Program, batches: Iterable[Tensor], label: NDArray[np.integer]) -> Sensitivity:
    """Run some clips in float, in INT8, and with one layer at a time in INT8.

    Args:
        program: the float program.
        int8: the same operations in INT8.
        batches: what the network takes of the clips, (B, C, F, T) each.
        label: (n,), the classes of all of them.
    """
    sums = [_Sums() for _ in range(len(program.operations) + 1)]
    logits: list[Tensor] = []
    integer_logits: list[Tensor] = []
    for batch in batches:
        real = run_float(program, batch)
        logits.append(real[program.output])
        integer_logits.append(_add_batch(program, int8, real, sums))
    found = torch.cat(logits).numpy()

    def answers(others: Sequence[Tensor]) -> Answers:
        return _answers(torch.cat(list(others)).numpy(), found, label)

    rows: list[tuple[str, str, float | None]] = [(program.input, INPUT, None)]
    for real_operation, operation in zip(program.operations, int8.operations, strict=True):
        given, made = real_operation.real_weight(program.quantizations), operation.real_weight(int8.quantizations)
        weights = None if given is None or made is None else sqnr(_power(given), _power(made - given))
        rows.append((operation.output, _kind(operation), weights))
    layers = tuple(
        Layer(
            int8.values[value].layer or value,
            value,
            kind,
            weights,
            sqnr(one.signal, one.rounding),
            one.clipped / one.count,
            sqnr(one.signal, one.alone),
            sqnr(one.signal, one.whole),
            answers(one.logits),
        )
        for (value, kind, weights), one in zip(rows, sums, strict=True)
    )
    return Sensitivity(layers, answers(integer_logits), _accuracy(found, label), len(label))


@dataclass
class _Sums:
    """Of one layer, over all clips: sums of squares, counts, and the logits (B, K) of the network with it in INT8."""

    signal: float = 0.0
    rounding: float = 0.0
    alone: float = 0.0
    whole: float = 0.0
    clipped: int = 0
    count: int = 0
    logits: list[Tensor] = field(default_factory=list)


def _add_batch(program: Program, int8: Program, real: Mapping[str, Tensor], sums: Sequence[_Sums]) -> Tensor:
    """Add what every layer loses on one batch, whose real values are given, to its sums.

    Returns:
        (B, K), the logits of the whole INT8 program.
    """
    grids = int8.quantizations
    integer: dict[str, NDArray[np.integer]] = {}  # of the whole INT8 program
    rounded: dict[str, NDArray[np.integer]] = {}  # the real values, rounded

    def dequantized(name: str, integers: NDArray[np.integer]) -> Tensor:
        grid = grids[name]
        return _channels_first(torch.from_numpy(integers.astype(np.float32) - grid.zero_point)) * grid.step

    def add(name: str, layer: int, error: Tensor) -> None:
        """`error` is the layer's own, `layer` the number of operations up to it."""
        own = sums[layer]
        own.signal += _power(real[name].numpy())
        own.rounding += _power((dequantized(name, rounded[name]) - real[name]).numpy())
        own.alone += _power(error.numpy())
        own.whole += _power((dequantized(name, integer[name]) - real[name]).numpy())
        changed = {name: real[name] + error}
        for operation in program.operations[layer:]:
            if any(source in changed for source in operation.inputs):
                changed |= operation.run_float([changed.get(source, real[source]) for source in operation.inputs])
        own.logits.append(changed.get(program.output, real[program.output]))

    for layer, name in enumerate([program.input, *(operation.output for operation in program.operations)]):
        steps = np.rint(_channels_last(real[name]).numpy() / np.float32(grids[name].step)) + grids[name].zero_point
        rounded[name] = np.clip(steps, grids[name].lowest, grids[name].highest).astype(grids[name].dtype)
        sums[layer].clipped += int(np.count_nonzero(steps != rounded[name]))
        sums[layer].count += steps.size
    integer[program.input] = rounded[program.input]
    add(program.input, 0, dequantized(program.input, rounded[program.input]) - real[program.input])
    for layer, (operation, quantized) in enumerate(zip(program.operations, int8.operations, strict=True), start=1):
        name = operation.output
        integer[name] = simulate.run(quantized, [integer[source] for source in operation.inputs], grids)
        alone = simulate.run(quantized, [rounded[source] for source in operation.inputs], grids)
        expected = operation.run_float([dequantized(source, rounded[source]) for source in operation.inputs])
        add(name, layer, dequantized(name, alone) - expected[name])
    return dequantized(program.output, integer[program.output])


def _channels_last(value: Tensor) -> Tensor:
    return value.permute(0, 2, 3, 1) if value.ndim == 4 else value


def _channels_first(value: Tensor) -> Tensor:
    return value.permute(0, 3, 1, 2).contiguous() if value.ndim == 4 else value


def _power(values: NDArray[np.floating]) -> float:
    return float(np.square(values, dtype=np.float64).sum())


def _kind(operation: Operation) -> str:
    return re.sub("(?<=[a-z])(?=[A-Z])", " ", type(operation).__name__).lower()


def _answers(logits: NDArray[np.float32], real: NDArray[np.float32], label: NDArray[np.integer]) -> Answers:
    changed = float((logits.argmax(1) != real.argmax(1)).mean())
    return Answers(float(np.abs(logits - real).mean()), changed, _accuracy(logits, label) - _accuracy(real, label))


def _accuracy(logits: NDArray[np.float32], label: NDArray[np.integer]) -> float:
    return macro_accuracy(logits.argmax(1) == label, label, logits.shape[1])
