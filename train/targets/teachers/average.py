"""What several teachers say together. B clips, K classes."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

Average = Literal["probabilities", "logits"]


def averaged(logits: Sequence[Tensor], average: Average) -> Tensor:
    """One answer of several, all counting alike.

    Args:
        logits: (B, K) of each teacher.
        average: of the probabilities, given back as their logarithms; or of the logits as they are.

    Returns:
        (B, K) logits.
    """
    together = torch.stack(list(logits))  # (teachers, B, K)
    if average == "logits":
        return together.mean(0)
    return together.log_softmax(2).logsumexp(0) - math.log(len(together))
