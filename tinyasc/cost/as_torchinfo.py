"""What torchinfo 1.8.0 prints, and so NeSsi, the counter of DCASE Task 1: the figure that an organiser reads.

Its rule: each call of a module without submodules counts parameters named `weight` and `bias`, at every output position
where the class has `Conv` in its name, else once a clip; parameters whose names merely contain these words count at
every step of the first axis. So linear layers are counted at one token; attention and functional operations are not
counted; layers with fake quantization or parametrized weights have submodules and are not counted; pruned weights are
counted without their zeros; parameters that two such modules share are counted twice.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves


@dataclass
class Torchinfo:
    """The two figures."""

    parameters: int = 0
    macs: int = 0


@contextmanager
def watch(model: nn.Module) -> Iterator[Torchinfo]:
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
