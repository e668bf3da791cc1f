"""Steps of weights that lose least in mean square, per output channel or shared: the largest weight need not be 127.

Shapes: O output channels (1 where all share a step).
"""

from dataclasses import replace

import numpy as np

from compress.operations.convolution import Convolution
from compress.operations.weights import quantize_weight
from compress.program import Program
from compress.quantization import INT8_MAX

SHARES = np.linspace(0.5, 1.0, 51, dtype=np.float32)
"""Of the step at which the largest weight is 127, that are tried."""


def least_error(program: Program) -> Program:
    """The float program whose convolutions have chosen their steps (`Convolution.weight_step`)."""
    operations = tuple(
        _chosen(one) if isinstance(one, Convolution) and one.trainable else one for one in program.operations
    )
    return replace(program, operations=operations)


def _chosen(operation: Convolution) -> Convolution:
    weight, axes = operation.weight, (0, 1, 2, 3) if operation.shared_step else (1, 2, 3)
    largest = np.abs(weight).max(axes, keepdims=True).ravel()  # (O,)
    whole = np.maximum(largest / np.float32(INT8_MAX), np.float32(1e-12))
    steps = SHARES[:, None] * whole  # (shares, O)
    rounded = (quantize_weight(weight, step) * step[:, None, None, None] for step in steps)
    errors = np.stack([np.square(one - weight).sum(axes, keepdims=True).ravel() for one in rounded])
    return replace(operation, weight_step=steps[errors.argmin(0), np.arange(len(whole))])
