"""Small networks of every architecture, random, with batch norms that have seen something, and their programs.

Shapes: B clips, C channels, F mel bands, T frames or samples.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from compress.lower import lower
from compress.program import Program
from compress.quantized_network import QuantizedNetwork
from compress.simulate import observe
from tinyasc import models

CLASSES = 5


@dataclass(frozen=True)
class Tiny:
    """One network."""

    architecture: str
    shape: tuple[int, int, int]
    """(C, F, T) of its input."""
    config: Mapping[str, object] = field(default_factory=dict)


NETWORKS = {
    "cp_resnet": Tiny("cp_resnet", (1, 32, 24), {"base_channels": 8, "cut_channels": (0, 4)}),
    "cp_resnet in groups, damped": Tiny(
        "cp_resnet",
        (1, 32, 24),
        {
            "base_channels": 8,
            "cut_channels": (0, 8),
            "n_blocks": (2, 2, 2),
            "groups": (2, 4, 1),
            "frequency_damping": 0.01,
        },
    ),
    "acdnet": Tiny(
        "acdnet",
        (1, 1, 1676),  # the columns of eight samples fit
        {"samples": 1676, "sample_rate": 2000, "channels": (8, 16, 8, 12, 12, 16, 16, 16, 16, 24, 24)},
    ),
    "micro_acdnet": Tiny(
        "acdnet",
        (1, 1, 1600),
        {"samples": 1600, "sample_rate": 1600, "channels": (7, 20, 10, 14, 22, 11, 15, 11, 11, 17, 19, 12)},
    ),
    "tf_sepnet": Tiny("tf_sepnet", (1, 64, 64), {"base_channels": 8}),
    "tf_sepnet of 2023": Tiny(
        "tf_sepnet",
        (1, 32, 32),
        {"base_channels": 8, "stem": "5x5", "pooled_stages": (2, 3), "adaptive_norm": True, "shuffle_groups": 2},
    ),
    "bc_resnet": Tiny("bc_resnet", (1, 32, 24), {"base_channels": 8}),
    "bc_resnet for keywords": Tiny("bc_resnet", (1, 40, 20), {"base_channels": 4, "form": "keywords", "sub_bands": 5}),
    "mobileast": Tiny("mobileast", (1, 32, 32), {"channels": (8, 16), "transformer_channels": 16}),
    "mobileast with SiLU": Tiny(
        "mobileast", (1, 32, 32), {"channels": (16, 16), "transformer_channels": 8, "activation": "silu"}
    ),
}


def network(name: str, seed: int = 0) -> nn.Module:
    """In eval mode: (B, C, F, T) -> (B, CLASSES)."""
    tiny = NETWORKS[name]
    torch.manual_seed(seed)
    model = models.build(tiny.architecture, dict(tiny.config), CLASSES)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.bias, std=0.3)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            layer.momentum = None  # plain average: one pass sets the statistics
        elif isinstance(layer, nn.Conv2d) and not layer.weight.any():
            nn.init.kaiming_normal_(layer.weight)  # a residual network that starts as its shortcuts
    with torch.no_grad():
        model.train()(torch.from_numpy(inputs(name, 64, seed=101)))
    return model.eval()


def inputs(name: str, count: int, seed: int = 1) -> NDArray[np.float32]:
    """Smooth random inputs with a tilt of their own each, so that logits vary: (count, C, F, T)."""
    random, shape = np.random.default_rng(seed), NETWORKS[name].shape
    coarse = [max(1, length // 4) for length in shape[1:]]
    smooth = random.normal(0, 1, (count, 1, *coarse)) + random.normal(0, 1, (count, 1, coarse[0], 1))
    repeats = [-(-length // few) for length, few in zip(shape[1:], coarse, strict=True)]
    wide = np.kron(smooth, np.ones(repeats))[:, :, : shape[1], : shape[2]]
    return (wide + random.normal(0, 0.2, (count, *shape))).astype(np.float32)


@lru_cache
def float_program(name: str, seed: int = 0) -> Program:
    """The lowered network."""
    return lower(network(name, seed), NETWORKS[name].shape)


def quantized(name: str, seed: int = 0) -> QuantizedNetwork:
    """The network under quantization, calibrated, in eval mode."""
    program = float_program(name, seed)
    ranges = observe(program, [torch.from_numpy(inputs(name, 32, seed=100))])
    return QuantizedNetwork(program, ranges, momentum=0.1).eval()
