"""neural-compressor's `autotune` on a float program: its own configurations, tried until one loses little enough.

neural-compressor-pt 3.10 (Intel, Apache-2.0), static quantization by PyTorch 2 export: int8 weights per channel, uint8
activations, ranges by moving minimum and maximum or by histogram ("kl"), symmetric or affine. It quantizes the inputs
of convolutions, and products; sums, square roots and means, as in a response norm, stay float in its graph.

Shapes: B batch, C channels, F mel bands, T frames, K classes.
"""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from compress.autotune.network import FloatNetwork
from compress.program import Program
from tinyasc.errors import UserError

Accuracy = Callable[[nn.Module], float]


@dataclass(frozen=True)
class Trial:
    """One configuration and what the network answers with it."""

    activations: str
    """How activations get their integers: "symmetric" or "affine"."""
    ranges: str
    """How their ranges are found: "kl" or "minmax"."""
    accuracy: float
    """Of neural-compressor's own graph, a fraction."""


@dataclass(frozen=True)
class Tuned:
    """The outcome of a search."""

    graph: GraphModule
    """The quantized graph of the best trial."""
    baseline: float
    """Accuracy of the float network, a fraction."""
    trials: tuple[Trial, ...]
    """In the order in which they were made; the search stops at one that is within the tolerance."""

    @property
    def best(self) -> Trial:
        """The trial that was kept: the most accurate, of equals the first."""
        return max(self.trials, key=lambda trial: trial.accuracy)


def tune(program: Program, batches: Sequence[Tensor], accuracy: Accuracy, tolerance: float) -> Tuned:
    """Let neural-compressor choose.

    Args:
        program: a float program.
        batches: log-mel (B, C, F, T) to find ranges on.
        accuracy: of a module (B, C, F, T) -> (B, K), a fraction.
        tolerance: share of the float network's accuracy that may be lost.

    Raises:
        UserError: it is not installed.
    """
    os.environ.setdefault("LOGLEVEL", "ERROR")  # it logs every configuration in full
    try:
        from neural_compressor.torch.quantization import (  # type: ignore[import-not-found]  # noqa: PLC0415
            INT8StaticQuantConfig,
            TuningConfig,
            autotune,
        )
    except ImportError as error:
        raise UserError(
            f"neural-compressor is not installed ({error}): pip install -c constraints.txt -e '.[peers]'"
        ) from None
    logging.getLogger("neural_compressor").setLevel(logging.ERROR)
    found: list[float] = []

    def judged(network: nn.Module) -> float:
        found.append(accuracy(network))
        return found[-1]

    def observe(network: nn.Module) -> None:
        for batch in batches:
            network(batch)

    candidates = INT8StaticQuantConfig.get_config_set_for_tuning().expand()
    config = TuningConfig(config_set=candidates, tolerable_loss=tolerance)
    graph = autotune(traced(program, batches[0]), config, judged, run_fn=observe, example_inputs=(batches[0],))
    trials = tuple(
        Trial("symmetric" if candidate.act_sym else "affine", candidate.act_algo, result)
        for candidate, result in zip(candidates, found[1:], strict=False)  # it may stop before the last
    )
    return Tuned(graph, found[0], trials)


def traced(program: Program, batch: Tensor) -> nn.Module:
    """The network as neural-compressor wants it, for any number of clips."""
    sizes = ({0: torch.export.Dim("clips", min=1, max=2**16)},)
    traced = torch.export.export(FloatNetwork(program), (batch,), dynamic_shapes=sizes).module()
    traced._exported, traced.dynamic_shapes = True, sizes  # type: ignore[assignment]  # it asks for both
    return traced
