"""A float program as a torch module that other quantizers can trace: its convolutions are layers.

Shapes: B batch, C channels, F mel bands, T frames, K classes.
"""

import torch
from torch import Tensor, nn

from compress.operations.convolution import Convolution
from compress.program import Program

LAYERS = "layers"
"""Where the convolutions are, each under the number of its operation: `layers.3.weight` is of the fourth one."""


class FloatNetwork(nn.Module):
    """(B, C, F, T) -> (B, K): what `observe.run_float` computes."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.program = program
        convolutions = [(n, one) for n, one in enumerate(program.operations) if isinstance(one, Convolution)]
        self.layers = nn.ModuleDict({str(number): _layer(one) for number, one in convolutions})
        self.eval()

    def forward(self, log_mel: Tensor) -> Tensor:
        values = {self.program.input: log_mel}
        for number, operation in enumerate(self.program.operations):
            given = [values[name] for name in operation.inputs]
            if str(number) in self.layers:
                result = self.layers[str(number)](*given)
                values[operation.output] = result.relu() if operation.rectified else result
            else:
                values |= operation.run_float(given)
        return values[self.program.output]


def _layer(operation: Convolution) -> nn.Conv2d:
    out, per_group, *kernel = operation.weight.shape
    channels, groups = per_group * operation.groups, operation.groups
    places = (operation.stride, operation.padding, operation.dilation)
    layer = nn.Conv2d(channels, out, tuple(kernel), *places, groups=groups)
    state = {"weight": torch.from_numpy(operation.weight), "bias": torch.from_numpy(operation.bias)}
    layer.load_state_dict(state)
    return layer.requires_grad_(False)
