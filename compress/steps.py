"""Learned step sizes: the steps of weights and activations as parameters (LSQ).

The gradient is that of Esser et al. 2020 (arXiv:1902.08153), `straight_through.LearnedRound`. What is trained is the
logarithm of a step's ratio to where it starts, so that an optimiser that moves every parameter alike moves every step
by the same share, whatever its size (Jain et al. 2020, arXiv:1903.08066, section 3.3), and weight decay draws it back
to its start. That is the step at which the largest weight is 127, or the one a program chose; and the range observed:
the paper's own start, from the mean of the magnitudes, is made for two to four bits.

Files need scales of certain ratios (`Operation.settle`): the forward pass takes the settled ones, the gradient is that
of the step before.

Shapes: O output channels (1 where they share a step).
"""

import numpy as np
import torch
from torch import Tensor, nn

from compress.operations.convolution import Convolution
from compress.operations.weights import weight_scale
from compress.program import Program


class Steps(nn.Module):
    """Steps of the weights of every trainable convolution, and of every activation as a factor of its range."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self._names = list(program.values)
        self.activations = nn.Parameter(torch.zeros(len(program.values)))
        for index, operation in enumerate(program.operations):
            if isinstance(operation, Convolution) and operation.trainable:
                without_bias = np.zeros_like(operation.bias)
                start = weight_scale(operation.weight, without_bias, 1.0, operation.weight_step, operation.shared_step)
                self.register_buffer(f"start_{index}", torch.from_numpy(start))
                self.register_parameter(f"weight_{index}", nn.Parameter(torch.zeros(len(start))))

    def weight(self, index: int) -> Tensor | None:
        """(O,), the steps of an operation's weights; None where it has none to learn."""
        if not hasattr(self, f"weight_{index}"):
            return None
        return getattr(self, f"start_{index}") * getattr(self, f"weight_{index}").exp()

    def factors(self) -> dict[str, Tensor]:
        """Of every value: its step in units of that of its observed range."""
        return dict(zip(self._names, self.activations.exp(), strict=True))
