"""A float program as a torch module that other quantizers can trace, and what they chose, read from its graph.

A graph that was quantized with PyTorch 2 export (`convert_pt2e`) is the float one with pairs of quantize and dequantize
nodes before its convolutions:

    x -> quantize_per_tensor(scale, zero point, least, most) -> dequantize_per_tensor -> conv2d
    layers.3.weight -> quantize_per_channel(scales, …) -> dequantize_per_channel -> conv2d

Shapes: B batch, C channels, F mel bands, T frames, K classes; O output channels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.fx import GraphModule, Node

from compress.operations.convolution import Convolution
from compress.program import Program
from compress.quantization import Range

LAYERS = "layers"
"""Where the convolutions are, each under the number of its operation: `layers.3.weight` is of the fourth one."""
CONVOLUTION = "aten.conv2d.default"
PER_TENSOR, PER_CHANNEL = "quantize_per_tensor.default", "quantize_per_channel.default"


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


@dataclass(frozen=True)
class Found:
    """What another quantizer chose."""

    ranges: dict[str, Range]
    """Of the values that it quantizes, by name."""
    steps: dict[int, NDArray[np.float32]]
    """Real step of each output channel's weights (O,), by the number of the convolution's operation."""


def found_in(graph: GraphModule, program: Program) -> Found:
    """What a quantized graph of `FloatNetwork(program)` says of the inputs and the weights of its convolutions.

    A range whose value is behind a ReLU starts at 0, whatever the quantizer gave it below: nothing is there.
    """
    rectified = {operation.output for operation in program.operations if operation.rectified}
    ranges, steps = {}, {}
    for node in graph.graph.nodes:
        if str(node.target) != CONVOLUTION:
            continue
        given, weight = (_quantizer(argument) for argument in node.args[:2])
        number = _number(node.args[1] if weight is None else weight.args[0])
        (name,) = program.operations[number].inputs
        if given is not None and str(given.target).endswith(PER_TENSOR):
            numbers: Any = given.args[1:5]
            scale, zero_point, least, most = numbers
            low, high = scale * (least - zero_point), scale * (most - zero_point)
            ranges[name] = Range(max(low, 0.0) if name in rectified else low, high)
        if weight is not None and str(weight.target).endswith(PER_CHANNEL):
            scales: Any = weight.args[1]
            steps[number] = _tensor(graph, scales).float().numpy()
    return Found(ranges, steps)


def applied(found: Found, program: Program, observed: Mapping[str, Range]) -> tuple[Program, dict[str, Range]]:
    """The float program with the steps that were found, and a range for every value: that found, else that observed.

    The weights of a pooling are its definition and keep the steps that hold them exactly.
    """
    operations = list(program.operations)
    for number, steps in found.steps.items():
        convolution = operations[number]
        if isinstance(convolution, Convolution) and convolution.trainable:
            operations[number] = replace(convolution, weight_step=steps)
    return replace(program, operations=tuple(operations)), {**observed, **found.ranges}


def _quantizer(argument: Node) -> Node | None:
    """The quantize node behind a dequantize node."""
    if "dequantize_per" not in str(argument.target):
        return None
    (source, *_) = argument.args
    return source if isinstance(source, Node) else None


def _number(weight: Any) -> int:
    """Of the operation whose weight a node gets."""
    layers, number, _ = str(weight.target).split(".")
    assert layers == LAYERS, weight
    return int(number)


def _tensor(graph: GraphModule, node: Node) -> Tensor:
    tensor: Any = graph
    for part in str(node.target).split("."):
        tensor = getattr(tensor, part)
    return tensor
