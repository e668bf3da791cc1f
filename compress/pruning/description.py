"""How a pruned network is described: by the field `channels` of its architecture's config, which lists what is left."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from compress.pruning.dependency import Dependencies
from tinyasc.errors import UserError
from tinyasc.models import ARCHITECTURES


def listed_layers(architecture: str, network: nn.Module) -> list[str]:
    """The names of the layers whose channels the config lists.

    Raises:
        UserError: the architecture's config cannot say what pruning leaves.
    """
    prunable = ARCHITECTURES[architecture].prunable
    if prunable is None:
        raise UserError(
            f"{architecture} cannot be pruned, its settings only know whole sizes: train a smaller one, or prune "
            f"{', '.join(sorted(name for name, kind in ARCHITECTURES.items() if kind.prunable))}"
        )
    found = [name for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d)]
    return [name for name in found if re.fullmatch(prunable, name)]


def pruned_config(
    config: dict[str, Any], layers: list[str], found: Dependencies, removed: NDArray[np.int64]
) -> dict[str, Any]:
    """The config of a network without the units `removed`."""
    return config | {"channels": [found.kept(layer, removed) for layer in layers]}
