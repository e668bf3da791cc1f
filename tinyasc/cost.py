"""Parameters and multiply-accumulates of a torch model, layer by layer, as trained and as deployed.

Counting rule of the DCASE limits (torchinfo's): every parameter counts; a convolution or linear layer costs (weights +
biases) x output positions, a normalization its 2 C once; pooling, activations, additions and functional arithmetic
cost nothing. One departure, for transformers: a linear layer is counted at every token, and products of attention are
counted, where torchinfo counts a linear layer once and attention never.

Deployed: each batch norm folded into the convolution before it, which leaves one bias per output channel: fewer
parameters, but more MACs, since a bias counts at every position.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)


@dataclass(frozen=True)
class Layer:
    """One layer that has parameters of its own, or the sum of all attention products."""

    name: str
    """Path of the module in the model."""
    kind: str
    """Class of the module."""
    parameters: int
    biases: int
    """Those of the parameters that are biases."""
    macs: int
    positions: int = 1
    """Outputs per channel or feature: F x T of a convolution, tokens of a linear layer."""
    folded_into: str | None = None
    """For a batch norm right after a convolution: that convolution."""


@dataclass(frozen=True)
class Cost:
    """Layers in the order in which they ran, for one clip."""

    layers: list[Layer]

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    def to_dict(self) -> dict[str, int]:
        """Totals as a model card holds them."""
        deployed = fold(self)
        return {
            "parameters": self.parameters,
            "macs": self.macs,
            "deployed_parameters": deployed.parameters,
            "deployed_macs": deployed.macs,
        }


def measure(model: nn.Module, input_shape: tuple[int, ...]) -> Cost:
    """Count one forward pass in eval mode over zeros.

    Args:
        model: any module; its mode and weights are left as they were.
        input_shape: of one clip with the batch axis, e.g. (1, 1, 256, 64).
    """
    rows: dict[str, Layer] = {}
    convolution_of: dict[int, str] = {}  # id of an output -> the convolution that made it
    outputs: list[Tensor] = []  # kept alive, so that no id is given twice

    def count(name: str, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        own = {key: parameter.numel() for key, parameter in module.named_parameters(recurse=False)}
        biases, positions = own.get("bias", 0), 1
        if isinstance(module, CONVOLUTIONS):
            positions = output[0, 0].numel()
            convolution_of[id(output)] = name
            outputs.append(output)
        elif isinstance(module, nn.Linear):
            positions = output[0].numel() // output.shape[-1]
        folded_into = convolution_of.get(id(inputs[0])) if isinstance(module, NORMS) else None
        macs = (own.get("weight", 0) + biases) * positions
        rows[name] = Layer(name, type(module).__name__, sum(own.values()), biases, macs, positions, folded_into)

    holders = {name: module for name, module in model.named_modules() if any(True for _ in module.parameters(False))}
    hooks = [
        module.register_forward_hook(lambda module, inputs, output, name=name: count(name, module, inputs, output))
        for name, module in holders.items()
    ]
    training = model.training
    parameter = next(model.parameters())
    counter = FlopCounterMode(display=False)
    try:
        with torch.no_grad(), counter:
            model.eval()(torch.zeros(input_shape, dtype=parameter.dtype, device=parameter.device))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    products = sum(flops for operator, flops in counter.get_flop_counts()["Global"].items() if "bmm" in str(operator))
    layers = list(rows.values())
    for name in sorted(holders.keys() - rows.keys()):  # PaSST has a second classifier that it never runs
        unused = sum(parameter.numel() for parameter in holders[name].parameters(recurse=False))
        layers.append(Layer(name, type(holders[name]).__name__, unused, biases=0, macs=0))
    if products:
        layers.append(Layer("attention products", "matmul", parameters=0, biases=0, macs=products // 2))
    return Cost(layers)


def fold(cost: Cost) -> Cost:
    """The same network with every batch norm that follows a convolution folded into it (one bias per channel)."""
    norms = {layer.folded_into: layer for layer in cost.layers if layer.folded_into}
    layers = []
    for layer in cost.layers:
        if layer.folded_into:
            continue
        norm = norms.get(layer.name)
        if norm is None:
            layers.append(layer)
            continue
        # the norm's 2 C parameters become C biases, and take in a bias that was there
        parameters = layer.parameters - layer.biases + norm.biases
        macs = parameters * layer.positions
        layers.append(replace(layer, parameters=parameters, biases=norm.biases, macs=macs))
    return Cost(layers)
