"""One walk over a program that changes each convolution in the light of what quantization did before it.

Methods that compare a convolution's integers with its real numbers need both inputs: those of the float network, and
those that the INT8 program gives behind the convolutions changed so far. Both are carried along for some clips.

The simplest such method is here, bias correction: rounding errors of weights do not average out, their product with the
mean of the input is an offset of the output, the same for every clip. Measured on some clips, it is taken from the bias
(Nagel et al. 2019, "Data-free quantization through weight equalization and bias correction", arXiv:1906.04721, section
4.2, the empirical form).

Shapes: B batch, C channels, F mel bands, T frames, O output channels.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import torch
from torch import Tensor
from tqdm import tqdm

from compress.operations.convolution import Convolution
from compress.operations.operation import Operation, Quantizations
from compress.program import Program
from compress.quantization import Range
from compress.quantized_network import to_integers
from compress.scheme import DEFAULT, Scheme, assign


@dataclass(frozen=True)
class Seen:
    """A convolution before it is changed, and what it is given over some batches."""

    target: Convolution
    """What it computes in the float network is aimed at."""
    real: Sequence[Tensor]
    """In the float network: (B, C, F, T) each."""
    integer: Sequence[Tensor]
    """In the INT8 program behind what is changed already: integers minus their zero point, in float32."""
    quantizations: Quantizations
    """Of every value."""


Method = Callable[[Convolution, Seen], Convolution]
"""A float convolution to one whose INT8 form is nearer to what it was."""


@torch.inference_mode()
def walk(
    program: Program,
    ranges: Mapping[str, Range],
    batches: Sequence[Tensor],
    methods: Sequence[Method],
    scheme: Scheme = DEFAULT,
) -> Program:
    """The float program with each trainable convolution changed by the methods, in running order.

    Args:
        program: what it computes is what is aimed at.
        ranges: of every value; the INT8 form must be made with the same.
        batches: log-mel (B, C, F, T), at least one.
        methods: each takes what the one before it gave.
        scheme: what the INT8 form must be made with; the program must have it applied.
    """
    quantizations = assign(program, ranges, scheme)
    found = quantizations[program.input]
    real = {program.input: list(batches)}
    integer = {program.input: [to_integers(batch / found.scale, found, relu=False) for batch in batches]}
    last_use = {name: i for i, operation in enumerate(program.operations) for name in operation.inputs}
    operations: list[Operation] = []
    for index, operation in enumerate(tqdm(program.operations, "operations", leave=False)):
        changed = operation
        if isinstance(operation, Convolution) and operation.trainable:
            seen = Seen(operation, real[operation.input], integer[operation.input], quantizations)
            changed = reduce(lambda convolution, method: method(convolution, seen), methods, operation)
        inputs = zip(*(real[name] for name in operation.inputs), strict=True)
        given = zip(*(integer[name] for name in operation.inputs), strict=True)
        output = quantizations[operation.output]
        real[operation.output] = [operation.run_float(one)[operation.output] for one in inputs]
        integer[operation.output] = [
            to_integers(steps(changed, one, quantizations), output, operation.rectified) for one in given
        ]
        operations.append(changed)
        for name in operation.inputs:
            if last_use[name] == index:
                real.pop(name, None)
                integer.pop(name, None)
    return replace(program, operations=tuple(operations))


def steps(operation: Operation, inputs: Sequence[Tensor], quantizations: Quantizations) -> Tensor:
    """What the INT8 form of a float operation gives, in steps of its output, neither rounded nor clamped."""
    tensors = {name: torch.from_numpy(array) for name, array in (operation.parameters | operation.constants).items()}
    return operation.train(tensors, inputs, quantizations)


def bias_corrected(operation: Convolution, seen: Seen) -> Convolution:
    """The convolution with a bias that moves the mean of its quantized output, before any ReLU, to that of the target.

    Args:
        operation: a float convolution.
        seen: its target, and what both are given.
    """
    plain = replace(seen.target, relu=False)
    step = seen.quantizations[operation.output].step
    target = _channel_means([plain.run_float([batch])[operation.output] for batch in seen.real])
    quantized = _channel_means([steps(operation, [batch], seen.quantizations) * step for batch in seen.integer])
    return replace(operation, bias=operation.bias + (target - quantized).float().numpy())


def _channel_means(batches: Sequence[Tensor]) -> Tensor:
    """Mean of every channel over all batches, (O,)."""
    count = sum(batch.numel() // batch.shape[1] for batch in batches)
    return torch.stack([batch.double().sum((0, 2, 3)) for batch in batches]).sum(0) / count
