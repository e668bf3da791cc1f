"""A small CP-Mobile with random weights, batch norms that have seen something, and its programs, for tests.

`normed` is the same network with global response norm, its scalars drawn far from zero.

Without statistics of its own input a random network gives nearly constant logits, and any two files would "agree".

Shapes: B clips, F mel bands, T frames.
"""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from compress.lower import lower
from compress.program import Program
from compress.quantized_network import QuantizedNetwork
from compress.scheme import DEFAULT, Scheme
from compress.simulate import observe
from tinyasc import models
from tinyasc.models.layers.norms import GlobalResponseNorm

F, T, CLASSES = 32, 16, 5
CONFIG = {"base_channels": 16, "channels_multiplier": 1.5, "expansion_rate": 2.0}


def network(seed: int = 0, normed: bool = False) -> nn.Module:
    """A CP-Mobile in eval mode: (B, 1, F, T) -> (B, CLASSES)."""
    torch.manual_seed(seed)
    model = models.build("cp_mobile", {**CONFIG, "global_response_norm": normed}, CLASSES)
    for norm in (module for module in model.modules() if isinstance(module, GlobalResponseNorm)):
        nn.init.normal_(norm.gamma, std=0.7)
        nn.init.normal_(norm.beta, std=0.3)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        nn.init.normal_(norm.bias, std=0.3)
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        norm.momentum = None  # plain average: one pass sets the statistics
    with torch.no_grad():
        model.train()(torch.from_numpy(log_mel(64, seed=101)))
    return model.eval()


def log_mel(count: int, seed: int = 1) -> NDArray[np.float32]:
    """Smooth random spectrograms with a tilt of their own each, so that logits vary: (count, 1, F, T)."""
    random = np.random.default_rng(seed)
    coarse = random.normal(0, 1, (count, 1, F // 4, T // 4)) + random.normal(0, 1, (count, 1, F // 4, 1))
    return (np.kron(coarse, np.ones((4, 4))) + random.normal(0, 0.2, (count, 1, F, T))).astype(np.float32)


@lru_cache
def float_program(seed: int = 0, normed: bool = False) -> Program:
    """The lowered network."""
    return lower(network(seed, normed), (1, F, T))


def quantized(
    seed: int = 0, normed: bool = False, scheme: Scheme = DEFAULT, learn_steps: bool = False
) -> QuantizedNetwork:
    """The network under quantization, calibrated, in eval mode."""
    program = float_program(seed, normed)
    ranges = observe(program, [torch.from_numpy(log_mel(32, seed=100))])
    return QuantizedNetwork(program, ranges, 0.1, scheme, learn_steps).eval()
