"""Losses of the float stages. Shapes: B clips, K classes."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

from train.loader import Batch


def label_loss(smoothing: float = 0.0) -> Callable[[nn.Module, Batch], Tensor]:
    """The loss of a batch: cross entropy with its labels, which are mixed where the clips are.

    Args:
        smoothing: share of each target that is spread over all classes.
    """

    def loss(network: nn.Module, batch: Batch) -> Tensor:
        output = network(batch.features)
        return F.cross_entropy(output, mixed_labels(batch, output), label_smoothing=smoothing)

    return loss


def mixed_labels(batch: Batch, output: Tensor) -> Tensor:
    """Target distributions (B, K) of a batch for the logits `output` (B, K): one-hot, mixed where the clips are."""
    return batch.mix(F.one_hot(batch.label, output.shape[1]).to(output.dtype))


def distillation_loss(
    logits: Tensor, teacher: Tensor, target: Tensor, *, temperature: float = 2.0, hard_weight: float = 0.02
) -> Tensor:
    """Knowledge distillation: hard_weight CE + (1 - hard_weight) temperature^2 KL(teacher || student).

    The divergence is the mean over clips and classes, as in CP-Mobile's recipe: 1/K of the usual mean over clips.
    Source: Hinton et al., "Distilling the knowledge in a neural network", 2015.

    Args:
        logits: (B, K) of the student.
        teacher: (B, K), the teacher's probabilities at this temperature, mixed where the clips are.
        target: (B, K), rows that sum to 1: the labels, mixed where the clips are.
        temperature: softens both sides of the divergence.
        hard_weight: weight of the cross entropy with the labels, 0 to 1.
    """
    soft = F.kl_div(F.log_softmax(logits / temperature, dim=1), teacher, reduction="none").mean()
    return hard_weight * F.cross_entropy(logits, target) + (1 - hard_weight) * temperature**2 * soft
