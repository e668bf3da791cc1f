"""MixStyle: clips of a batch exchange the mean and deviation of their features, and so the style of their domain.

Shapes: B clips, C channels, F frequency bands, T frames.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tinyasc.errors import UserError


class MixStyle(nn.Module):
    """(B, C, F, T) -> same shape: in training a batch's clips exchange statistics with some probability.

    In evaluation, features pass as they are. To be put between the stages of a network; what is done to its input is
    an augmentation.

    Args:
        exchange: `mixstyle` or `frequency_mixstyle`.
        probability: share of the batches.
        alpha: parameter of the Beta distribution of the exchange.

    Raises:
        UserError: probability or alpha is out of range.
    """

    def __init__(self, exchange: Callable[[Tensor, float], Tensor], probability: float, alpha: float) -> None:
        super().__init__()
        if not 0 <= probability <= 1 or not alpha > 0:
            raise UserError(
                f"MixStyle: probability is {probability} and alpha {alpha}: take 0 to 1, and one above zero"
            )
        self.exchange = exchange
        self.probability = probability
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        if self.training and torch.rand(()) < self.probability:
            return self.exchange(x, self.alpha)
        return x


def mixstyle(x: Tensor, alpha: float) -> Tensor:
    """Statistics over (F, T) for each channel, mixed with those of another clip: (B, C, F, T) -> same shape.

    Source: Zhou et al., "Domain generalization with MixStyle", 2021.

    Args:
        x: features of a batch.
        alpha: the clip's own share is drawn from Beta(alpha, alpha).
    """
    return _exchanged(x, alpha, (2, 3))


def frequency_mixstyle(x: Tensor, alpha: float) -> Tensor:
    """Statistics over (C, T) for each frequency band, mixed with those of another clip: (B, C, F, T) -> same shape.

    What a recording device does to a sound is mostly a gain per frequency, so this simulates other devices.
    Source: Schmid et al., "Knowledge distillation from transformers for low-complexity acoustic scene classification",
    2022; Kim et al., "Domain generalization with relaxed instance frequency-wise normalization", 2022.
    """
    return _exchanged(x, alpha, (1, 3))


def _exchanged(x: Tensor, alpha: float, axes: tuple[int, int], epsilon: float = 1e-6) -> Tensor:
    # As in the paper, no gradient flows through the statistics. Their variance is that of the centred values, which are
    # needed anyway: torch.var_mean takes a CPU six times as long.
    mean = x.detach().mean(axes, keepdim=True)  # (B, C, 1, 1) or (B, 1, F, 1)
    centred = x - mean
    squares = torch.linalg.vector_norm(centred.detach(), dim=axes, keepdim=True).square()
    deviation = (squares / (x[0].numel() // mean[0].numel() - 1) + epsilon).sqrt()  # unbiased
    own = torch.distributions.Beta(alpha, alpha).sample((len(x), 1, 1, 1)).to(x, non_blocking=True)
    other = torch.randperm(len(x)).to(x.device, non_blocking=True)
    mixed_mean = own * mean + (1 - own) * mean[other]
    mixed_deviation = own * deviation + (1 - own) * deviation[other]
    return torch.addcmul(mixed_mean, centred, mixed_deviation / deviation)
