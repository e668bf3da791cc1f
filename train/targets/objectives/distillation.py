"""Knowledge distillation: a student learns the softened answers of its teacher.

Source: Hinton et al., "Distilling the knowledge in a neural network", 2015.
Shapes: B clips, K classes.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.nn import functional as F

from tinyasc.errors import UserError
from train.targets.objectives.terms import Step, Term

Reduction = Literal["mean_over_elements", "mean_over_clips"]


@dataclass(frozen=True)
class DistillationConfig:
    """How a student listens to its teacher; without a teacher nothing of this matters."""

    kind: Literal["kd", "dkd", "feature"] = "kd"
    """kd: the teacher's answers. dkd: the same with target class and other classes apart (Zhao et al., 2022), as for
    MobileAST-light. feature: kd, and the teacher's embedding besides (Romero et al., 2015), of a live teacher."""
    temperature: float = 2.0
    """Softens teacher and student. CP-Mobile, TF-SepNet and MobileAST-light: 2; CP-JKU's 2022 student: 1."""
    hard_weight: float = 0.02
    """Weight of the cross entropy with the labels; the teacher has the rest of 1. CP-Mobile and TF-SepNet: 0.02;
    CP-JKU's 2022 student: 1 to 50, which is 0.0196; Zhao et al.: 1 to 1, which is 0.5."""
    reduction: Reduction = "mean_over_elements"
    """Mean of kd's divergence over clips and classes, as CP-Mobile has it, or over clips alone, as Hinton et al. have
    it, which is K times as much. dkd's is the one over clips."""
    target_weight: float = 1.0
    """Weight of the target class in dkd, alpha. Zhao et al. and MobileAST-light: 1."""
    non_target_weight: float = 8.0
    """Weight of the other classes in dkd, beta. MobileAST-light: 8, as often in Zhao et al., who have 1 to 10."""
    warm_up: float = 0.0
    """Epochs over which dkd comes in linearly. Zhao et al. on CIFAR-100: 20 of 240."""
    feature_weight: float = 1.0
    """Weight of the embedding in feature."""
    source: Literal["stored", "live"] = "stored"
    """stored: the teacher's answers to the fixed pieces, out of its run. live: the teacher hears every window itself,
    for random windows and for its embedding."""

    def __post_init__(self) -> None:
        if self.temperature <= 0 or not 0 <= self.hard_weight <= 1:
            raise UserError("distillation: temperature must be above zero and hard_weight lie in 0..1")
        for name in ("target_weight", "non_target_weight", "warm_up", "feature_weight"):
            if (value := getattr(self, name)) < 0:
                raise UserError(f"distillation: {name} is {value}: take 0 or more")
        if self.kind == "feature" and self.source == "stored":
            raise UserError(
                "distillation: feature needs the teacher's embedding, which is not stored: take source live"
            )


class SoftTargets(Term):
    """temperature^2 KL(teacher || student) of answers softened by the temperature.

    Where clips are mixed, the target is the mixture of the teacher's answers to each of them.
    """

    def __init__(self, temperature: float, reduction: Reduction) -> None:
        """Args:
        temperature: softens both sides.
        reduction: mean over all B K elements, or over the B clips.
        """
        super().__init__()
        self.temperature, self.reduction = temperature, reduction

    def forward(self, step: Step) -> Tensor:
        """See `Term`."""
        target = softened(step, self.temperature)
        pointwise = F.kl_div(F.log_softmax(step.logits / self.temperature, dim=1), target, reduction="none")  # (B, K)
        divergence = pointwise.mean() if self.reduction == "mean_over_elements" else pointwise.sum(1).mean()
        return self.temperature**2 * divergence


def softened(step: Step, temperature: float) -> Tensor:
    """The teacher's probabilities (B, K) at a temperature, mixed where the clips are."""
    assert step.teacher is not None
    return step.batch.mix(F.softmax(step.teacher.logits / temperature, dim=1))
