"""Biases that undo what rounding adds to the mean of every channel.

Rounding errors of weights do not average out: their product with the mean of the input is an offset of the output, the
same for every clip. Measured on some clips, it is taken from the bias (Nagel et al. 2019, "Data-free quantization
through weight equalization and bias correction", arXiv:1906.04721, section 4.2, the empirical form).

Shapes: B batch, C channels, F mel bands, T frames, O output channels.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from compress.operations.convolution import Convolution
from compress.ptq.walk import Seen, steps


def bias_corrected(operation: Convolution, seen: Seen) -> Convolution:
    """The convolution with a bias that moves the mean of its quantized output, before any ReLU, to that of the target.

    Args:
        operation: a float convolution.
        seen: its target, and what both are given.
    """
    plain = replace(seen.target, relu=False)
    step = seen.quantizations[operation.output].step
    wanted = _mean([plain.run_float([one])[operation.output] for one in seen.real])
    found = _mean([steps(operation, [one], seen.quantizations) * step for one in seen.integer])
    return replace(operation, bias=operation.bias + (wanted - found).float().numpy())


def _mean(batches: Sequence[Tensor]) -> Tensor:
    """Mean of every channel over all batches, (O,)."""
    count = sum(batch.numel() // batch.shape[1] for batch in batches)
    return torch.stack([batch.double().sum((0, 2, 3)) for batch in batches]).sum(0) / count
