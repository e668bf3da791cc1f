"""Parameters, multiply-accumulates and activation memory of a torch network by layer, as trained and as deployed.

Counting rule of the DCASE limits: every parameter counts, zeros too; a convolution or linear layer costs (weights +
biases) x output positions, a normalization its weights and biases once; pooling, activation functions, additions and
other arithmetic on single elements cost nothing. Where the field's counter falls short (`as_torchinfo`) this one counts
what is done: linear layers at every token, the products of attention, functional calls, layers with fake quantization,
pruned and parametrized weights; memory that two parameters share once.

Deployed: each batch norm right behind a convolution or linear layer folded into it, which leaves one bias per output:
fewer parameters, but more MACs, since a bias counts at every position. What depends on no clip is computed beforehand:
a parametrized weight counts as what is multiplied with. Parameters that nothing reads are not deployed. The exported
.onnx as `bench.measure.graph.cost` counts it has no MACs of biases, but those of poolings, means and additions.
"""

from dataclasses import dataclass, replace

from torch import nn

from tinyasc.cost.as_torchinfo import Torchinfo, watch
from tinyasc.cost.layers import Layer, layers
from tinyasc.cost.memory import peak_activations
from tinyasc.cost.trace import trace

__all__ = ["Cost", "Layer", "Torchinfo", "fold", "measure"]


@dataclass(frozen=True)
class Cost:
    """What one clip costs."""

    layers: list[Layer]
    """In the order in which they ran."""
    torchinfo: Torchinfo
    """What torchinfo 1.8.0 (NeSsi) prints for the network as trained."""
    peak_activations: int
    """Most elements that are alive at one time (rule: `memory`): bytes in INT8; float takes four times as many."""

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
    with watch(model) as torchinfo:
        found = trace(model, input_shape)
    return Cost(layers(found, model), torchinfo, peak_activations(found))


def fold(cost: Cost) -> Cost:
    """The same network as it is deployed: folded batch norms are gone."""
    deployed = [replace(layer, parameters=layer.deployed_parameters, macs=layer.deployed_macs) for layer in cost.layers]
    return replace(cost, layers=[layer for layer in deployed if layer.parameters or layer.macs])
