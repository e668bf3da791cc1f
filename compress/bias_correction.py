"""Biases that undo what rounding adds to the mean of every channel: quantization without training, in one pass.

Rounding errors of weights do not average out: their product with the mean of the input is an offset of the output, the
same for every clip. Measured on some clips, it is taken from the bias (Nagel et al. 2019, "Data-free quantization
through weight equalization and bias correction", section 4.2, the empirical form).

Shapes: B batch, C channels, F mel bands, T frames, O output channels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from compress.operations.convolution import Convolution
from compress.operations.operation import Operation, Quantizations
from compress.program import Program
from compress.quantization import Range
from compress.quantized_network import to_integers
from compress.scheme import assign


@torch.inference_mode()
def corrected(program: Program, ranges: Mapping[str, Range], batches: Sequence[Tensor]) -> Program:
    """A float program whose INT8 form has, at every convolution, the means that the given one has in float.

    Operations are corrected in running order, each behind those that are corrected already.

    Args:
        program: a float program.
        ranges: of every value (`observe`); the INT8 form must be made with the same.
        batches: log-mel (B, C, F, T), which the means are taken over.
    """
    quantizations = assign(program, ranges)
    found = quantizations[program.input]
    real = {program.input: list(batches)}
    integer = {program.input: [to_integers(batch / found.scale, found, relu=False) for batch in batches]}
    last_use = {name: i for i, operation in enumerate(program.operations) for name in operation.inputs}
    operations: list[Operation] = []
    for index, operation in enumerate(program.operations):
        inputs = list(zip(*(real[name] for name in operation.inputs), strict=True))
        given = list(zip(*(integer[name] for name in operation.inputs), strict=True))
        if isinstance(operation, Convolution) and operation.trainable:
            fixed = _corrected(operation, inputs, given, quantizations)
        else:
            fixed = operation
        real[operation.output] = [operation.run_float(one)[operation.output] for one in inputs]
        output = quantizations[operation.output]
        integer[operation.output] = [
            to_integers(_steps(fixed, one, quantizations), output, operation.rectified) for one in given
        ]
        operations.append(fixed)
        for name in operation.inputs:
            if last_use[name] == index:
                real.pop(name, None)
                integer.pop(name, None)
    return replace(program, operations=tuple(operations))


def _corrected(
    operation: Convolution,
    inputs: Sequence[tuple[Tensor, ...]],
    given: Sequence[tuple[Tensor, ...]],
    quantizations: Quantizations,
) -> Convolution:
    """With a bias that moves the mean of the quantized output, before any ReLU, to that of the float output."""
    plain = replace(operation, relu=False)
    step = quantizations[operation.output].step
    wanted = _mean([plain.run_float(one)[operation.output] for one in inputs])
    found = _mean([_steps(operation, one, quantizations) * step for one in given])
    return replace(operation, bias=operation.bias + (wanted - found).float().numpy())


def _steps(operation: Operation, inputs: Sequence[Tensor], quantizations: Quantizations) -> Tensor:
    tensors = {name: torch.from_numpy(array) for name, array in (operation.parameters | operation.constants).items()}
    return operation.train(tensors, inputs, quantizations)


def _mean(batches: Sequence[Tensor]) -> Tensor:
    """Mean of every channel over all batches, (O,)."""
    count = sum(batch.numel() // batch.shape[1] for batch in batches)
    return torch.stack([batch.double().sum((0, 2, 3)) for batch in batches]).sum(0) / count
