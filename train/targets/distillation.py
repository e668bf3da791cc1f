"""Knowledge distillation: a student learns the softened answers of its teacher, or its embedding besides.

SoftTargets         Hinton et al., "Distilling the knowledge in a neural network", 2015.
DecoupledTargets    Zhao et al., "Decoupled knowledge distillation", 2022, equations 4 to 8: with q the teacher's and p
                    the student's softened probabilities and t the target class,

    KL(q || p)  =  TCKD + (1 - q_t) NCKD,
    TCKD = KL([q_t, 1 - q_t] || [p_t, 1 - p_t]),   NCKD = KL over k != t of q_k / (1 - q_t) || p_k / (1 - p_t).

                    A teacher that is sure silences NCKD in KL; here both have weights of their own.
Features            Romero et al., "FitNets: hints for thin deep nets", 2015: regression onto the teacher's embedding by
                    a head that is thrown away, here at the last layer and from the start. Chen et al., "Improved
                    feature distillation via projector ensemble", 2022: directions are compared, which needs no common
                    scale.

Mixup leaves no single target class. As cross entropy with mixed labels is the mean of the cross entropies with each
label, the loss of DecoupledTargets is the mean over the mixed labels of the loss with each of their classes as the
target, always against the same mixed answers q: each of these losses obeys the identity above, and so does their mean.

Shapes: B clips, K classes, C channels of the student's embedding, E of the teacher's.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tinyasc.errors import UserError
from train.targets.objective import Embedding, Step, Term, mixed_labels

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
        """The reduction is the mean over all B K elements, or over the B clips."""
        super().__init__()
        self.temperature, self.reduction = temperature, reduction

    def forward(self, step: Step) -> Tensor:
        target = softened(step, self.temperature)
        pointwise = F.kl_div(F.log_softmax(step.logits / self.temperature, dim=1), target, reduction="none")  # (B, K)
        divergence = pointwise.mean() if self.reduction == "mean_over_elements" else pointwise.sum(1).mean()
        return self.temperature**2 * divergence


def softened(step: Step, temperature: float) -> Tensor:
    """The teacher's probabilities (B, K) at a temperature, mixed where the clips are."""
    assert step.teacher is not None
    return step.batch.mix(F.softmax(step.teacher.logits / temperature, dim=1))


class DecoupledTargets(Term):
    """temperature^2 (target_weight TCKD + non_target_weight NCKD), mean over clips; it comes in over the warm-up."""

    def __init__(self, temperature: float, target_weight: float, non_target_weight: float, warm_up: float) -> None:
        """The weights are alpha and beta; over warm_up epochs the term grows linearly to its full weight."""
        super().__init__()
        self.temperature, self.warm_up = temperature, warm_up
        self.target_weight, self.non_target_weight = target_weight, non_target_weight

    def forward(self, step: Step) -> Tensor:
        teacher = softened(step, self.temperature)
        target, non_target = decoupled(F.log_softmax(step.logits / self.temperature, dim=1), teacher)
        weighted = self.target_weight * target + self.non_target_weight * non_target  # (B, K)
        per_clip = (mixed_labels(step.batch, step.logits) * weighted).sum(1)
        share = min(step.epoch / self.warm_up, 1.0) if self.warm_up else 1.0
        return share * self.temperature**2 * per_clip.mean()


def decoupled(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """TCKD and NCKD (B, K), for each class as the target, from log probabilities and probabilities (B, K)."""
    log_teacher = teacher.clamp_min(torch.finfo(teacher.dtype).tiny).log()
    itself = torch.eye(teacher.shape[1], dtype=torch.bool, device=teacher.device)  # (target, K)
    # log(1 - p_t), but exact where p_t is close to 1: (B, target)
    others_student, others_teacher = (
        side[:, None, :].masked_fill(itself, -torch.inf).logsumexp(2) for side in (student, log_teacher)
    )
    ratio = log_teacher - student  # (B, K)
    ratio_others = others_teacher - others_student  # (B, target)
    target = teacher * ratio + others_teacher.exp() * ratio_others
    log_share = (log_teacher[:, None, :] - others_teacher[:, :, None]).masked_fill(itself, -torch.inf)
    non_target = (log_share.exp() * (ratio[:, None, :] - ratio_others[:, :, None])).sum(2)  # (B, target, K) summed
    return target, non_target


class Features(Term):
    """1 - cosine between the projected embedding of the student and the teacher's, mean over clips: 0 to 2.

    Where clips are mixed, so are the directions of the teacher's embeddings.
    """

    def __init__(self, embedding: Embedding, teacher_channels: int) -> None:
        """Draw the projection from C to `teacher_channels`, E."""
        super().__init__()
        self.embedding = embedding
        self.projection = nn.Linear(embedding.channels, teacher_channels)

    def forward(self, step: Step) -> Tensor:
        assert step.teacher is not None
        wanted = step.batch.mix(F.normalize(step.teacher.embedding, dim=1))  # (B, E)
        projected = self.projection(self.embedding.take()).float()
        return 1 - F.cosine_similarity(projected, wanted, dim=1).mean()
