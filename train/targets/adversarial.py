"""Domain adversarial training: the embedding is to say the scene and not the device that recorded it.

A second classifier reads the device off the embedding, behind a layer that reverses gradients: it learns to tell the
devices apart while the network learns to make them alike.
Source: Ganin et al., "Domain-adversarial training of neural networks", 2016.
Shapes: B clips, C channels, D devices of the training clips.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tinyasc.errors import UserError
from train.targets.objective import Embedding, Step, Term


@dataclass(frozen=True)
class AdversarialConfig:
    """How hard a network is kept from telling recording devices apart."""

    weight: float = 0.0
    """Factor of the reversed gradient at the end of training; 0 = off. Ganin et al.: 1."""
    hidden: int = 128
    """Width of the device classifier's hidden layer. Ganin et al.: 100 to 1024."""
    gamma: float = 10.0
    """How fast the factor comes: weight (2 / (1 + exp(-gamma p)) - 1), p the share of training done. Ganin et al.:
    10."""

    def __post_init__(self) -> None:
        if not 0 <= self.weight < math.inf or not 0 < self.gamma < math.inf or self.hidden < 1:
            raise UserError("adversarial: take a weight of 0 (off) or more, gamma above zero and hidden of 1 or more")


OFF = AdversarialConfig()
"""Labels and teachers alone."""


class Devices(Term):
    """Cross entropy of the device classifier, rare devices counting as much as common ones; mean over clips.

    Where clips are mixed, so are their devices.
    """

    def __init__(self, embedding: Embedding, device: np.ndarray, config: AdversarialConfig) -> None:
        """Draw the classifier from torch's random state; `device` int64 (n,) are those of all training clips.

        Raises:
            UserError: all clips are of one device.
        """
        super().__init__()
        known, clips = np.unique(device, return_counts=True)
        if len(known) < 2:
            raise UserError(
                "adversarial: the training clips are of one device, from which none can be told apart: "
                "take adversarial.weight 0"
            )
        self.config, self.embedding = config, embedding
        self.reversal = GradientReversal()
        self.classifier = nn.Sequential(
            nn.Linear(embedding.channels, config.hidden), nn.ReLU(), nn.Linear(config.hidden, len(known))
        )
        number = np.full(known[-1] + 1, -1)
        number[known] = np.arange(len(known))
        self.number: Tensor
        self.balance: Tensor
        self.register_buffer("number", torch.from_numpy(number), persistent=False)  # device -> 0..D-1
        balance = clips.sum() / (len(known) * clips)  # 1 on average over the clips
        self.register_buffer("balance", torch.from_numpy(balance.astype(np.float32)), persistent=False)

    def forward(self, step: Step) -> Tensor:
        self.reversal.alpha = self.config.weight * strength(step.epoch / step.epochs, self.config.gamma)
        logits = self.classifier(self.reversal(self.embedding.take())).float()  # (B, D)
        own = F.one_hot(self.number[step.batch.device], logits.shape[1]).to(logits.dtype)
        return F.cross_entropy(logits, step.batch.mix(own), weight=self.balance)


def strength(done: float, gamma: float) -> float:
    """2 / (1 + exp(-gamma done)) - 1: how much of the reversed gradient counts, 0 at the start, near 1 at the end."""
    return 2 / (1 + math.exp(-gamma * done)) - 1


class GradientReversal(nn.Module):
    """x -> x, any shape; the gradient is multiplied by -alpha, which may be set anew at any time.

    Source: Ganin and Lempitsky, "Unsupervised domain adaptation by backpropagation", 2015.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        return _Reversal.apply(x, self.alpha)


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, alpha: float) -> Tensor:
        ctx.alpha = alpha
        return x.view_as(x)  # a new tensor with a gradient function of its own

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.alpha * gradients[0], None
