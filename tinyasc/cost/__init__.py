"""Parameters, multiply-accumulates and activation memory of a torch network by layer, as trained and as deployed.

Counting rule of the DCASE limits: every parameter counts, zeros too; a convolution or linear layer costs (weights +
biases) x output positions, a normalization its weights and biases once; pooling, activation functions, additions and
other arithmetic on single elements cost nothing. Where the field's counter falls short (`Torchinfo`) this one counts
what is done: linear layers at every token, the products of attention, functional calls, layers with fake quantization,
pruned and parametrized weights; memory that two parameters share once.

Deployed: each batch norm right behind a convolution or linear layer folded into it, which leaves one bias per output:
fewer parameters, but more MACs, since a bias counts at every position. What depends on no clip is computed beforehand:
a parametrized weight counts as what is multiplied with. Parameters that nothing reads are not deployed. The exported
.onnx as `bench.measure.graph.cost` counts it has no MACs of biases, but those of poolings, means and additions.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from tinyasc.cost.layers import Layer, layers
from tinyasc.cost.trace import peak_activations, trace

__all__ = ["Cost", "Layer", "Torchinfo", "fold", "measure"]


@dataclass
class Torchinfo:
    """What torchinfo 1.8.0 prints, and so NeSsi, the counter of DCASE Task 1: the figures that an organiser reads.

    Its rule: each call of a module without submodules counts parameters named `weight` and `bias`, at every output
    position where the class has `Conv` in its name, else once a clip; parameters whose names merely contain these words
    count at every step of the first axis. So linear layers are counted at one token; attention and functional
    operations are not counted; layers with fake quantization or parametrized weights have submodules and are not
    counted; pruned weights are counted without their zeros; parameters that two such modules share are counted twice.
    """

    parameters: int = 0
    macs: int = 0


@dataclass(frozen=True)
class Cost:
    """What one clip costs."""

    layers: list[Layer]
    """In the order in which they ran."""
    torchinfo: Torchinfo
    """What torchinfo 1.8.0 (NeSsi) prints for the network as trained."""
    peak_activations: int
    """Most elements alive at one time (`trace.peak_activations`): bytes in INT8; float takes four times as many."""

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
            "torchinfo_parameters": self.torchinfo.parameters,
            "torchinfo_macs": self.torchinfo.macs,
            "peak_activation_bytes_int8": self.peak_activations,
            "peak_activation_bytes_float": 4 * self.peak_activations,
        }


def measure(model: nn.Module, input_shape: tuple[int, ...]) -> Cost:
    """Count one forward pass in eval mode over zeros.

    Args:
        model: any module; its mode, weights and buffers are left as they were.
        input_shape: of one clip with the batch axis, e.g. (1, 1, 256, 64).

    Raises:
        UserError: an operation multiplies by weights in a way that is not known.
    """
    with _watch(model) as torchinfo:
        found = trace(model, input_shape)
    return Cost(layers(found, model), torchinfo, peak_activations(found))


def fold(cost: Cost) -> Cost:
    """The same network as it is deployed: folded batch norms are gone."""
    deployed = [replace(layer, parameters=layer.deployed_parameters, macs=layer.deployed_macs) for layer in cost.layers]
    return replace(cost, layers=[layer for layer in deployed if layer.parameters or layer.macs])


@contextmanager
def _watch(model: nn.Module) -> Iterator[Torchinfo]:
    """Counts the forward pass that is made inside of the `with`; the figures are there when it ends."""
    called: set[nn.Module] = set()
    found = Torchinfo()

    def count(module: nn.Module, _inputs: Any, result: Any) -> None:
        called.add(module)
        shape = next((tuple(leaf.shape) for leaf in tree_leaves(result) if isinstance(leaf, Tensor)), (0,))
        for name, parameter in module.named_parameters():
            elements, counted_as = _elements(module, name, parameter)
            if counted_as in ("weight", "bias"):
                found.macs += elements * (prod(shape[:1] + shape[2:]) if "Conv" in type(module).__name__ else shape[0])
            elif "weight" in counted_as or "bias" in counted_as:
                found.macs += elements * prod(shape[:2])

    with ExitStack() as hooks:
        for module in model.modules():
            if not any(module.children()):
                hooks.callback(module.register_forward_hook(count).remove)
        yield found
    found.parameters = sum(_elements(model, *item)[0] for item in model.named_parameters())
    seen: set[nn.Parameter] = set()
    for module in called:
        for name, parameter in module.named_parameters():
            found.parameters += _elements(module, name, parameter)[0] * (parameter in seen)
            seen.add(parameter)


def _elements(module: nn.Module, name: str, parameter: nn.Parameter) -> tuple[int, str]:
    """Count of a parameter and the name it is counted by: of a pruned one, the ones of its mask."""
    if not name.endswith("_orig"):
        return parameter.numel(), name
    name = name.removesuffix("_orig")
    return int(module.get_buffer(f"{name}_mask").sum()), name
