"""What every objective is: a module that holds all that is trained, and gives the loss of a batch.

Shapes: B clips of a batch, K classes.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from train.data.loader import Batch


class Losses(NamedTuple):
    """What one batch costs."""

    total: Tensor
    """Scalar: what is minimised."""
    logits: Tensor
    """(B, K), the network's answers."""
    parts: dict[str, Tensor]
    """Scalars by name: what `total` is made of, before weights, for the history; empty where it has no parts."""


class Objective(nn.Module, ABC):
    """A network and the heads that only its training needs; the loop trains all of its parameters.

    `objective(batch)` gives the `Losses`. What it draws, it draws from torch's random state.
    """

    def __init__(self, network: nn.Module) -> None:
        """Args:
        network: (B, 1, F, T) -> (B, K), what is kept after training.
        """
        super().__init__()
        self.network = network
        self.epoch = 0.0
        """Where training is, e.g. 2.5 in the middle of the third epoch; the loop sets it before every step."""
        self.epochs = 1
        """Length of the run, set by the loop."""
        self.needs_waveform = False
        """Whether batches have to bring the sound itself (`Batches`)."""

    @abstractmethod
    def forward(self, batch: Batch) -> Losses:
        """The losses of a batch."""


def mixed_labels(batch: Batch, output: Tensor) -> Tensor:
    """Target distributions (B, K) of a batch for the logits `output` (B, K): one-hot, mixed where the clips are."""
    return batch.mix(F.one_hot(batch.label, output.shape[1]).to(output.dtype))
