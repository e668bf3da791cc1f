"""Decoupled knowledge distillation: the teacher's answer about the target class, and about all the others among them.

With q the teacher's and p the student's softened probabilities and t the target class,

    KL(q || p)  =  TCKD + (1 - q_t) NCKD,
    TCKD = KL([q_t, 1 - q_t] || [p_t, 1 - p_t]),   NCKD = KL over k != t of q_k / (1 - q_t) || p_k / (1 - p_t).

A teacher that is sure silences NCKD in KL; here both have weights of their own.
Source: Zhao et al., "Decoupled knowledge distillation", 2022, equations 4 to 8.

Mixup leaves no single target class. As cross entropy with mixed labels is the mean of the cross entropies with each
label, the loss is the mean over the mixed labels of the loss with each of their classes as the target, always against
the same mixed answers q: each of these losses obeys the identity above, and so does their mean.
Shapes: B clips, K classes.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from train.targets.objectives.distillation import softened
from train.targets.objectives.objective import mixed_labels
from train.targets.objectives.terms import Step, Term


class Decoupled(NamedTuple):
    """The two divergences for every class as the target."""

    target: Tensor
    """(B, K): TCKD."""
    non_target: Tensor
    """(B, K): NCKD."""


class DecoupledTargets(Term):
    """temperature^2 (target_weight TCKD + non_target_weight NCKD), mean over clips; it comes in over the warm-up."""

    def __init__(self, temperature: float, target_weight: float, non_target_weight: float, warm_up: float) -> None:
        """Args:
        temperature: softens both sides.
        target_weight: alpha.
        non_target_weight: beta.
        warm_up: epochs over which the term grows linearly to its full weight.
        """
        super().__init__()
        self.temperature, self.warm_up = temperature, warm_up
        self.target_weight, self.non_target_weight = target_weight, non_target_weight

    def forward(self, step: Step) -> Tensor:
        """See `Term`."""
        teacher = softened(step, self.temperature)
        found = decoupled(F.log_softmax(step.logits / self.temperature, dim=1), teacher)
        weighted = self.target_weight * found.target + self.non_target_weight * found.non_target  # (B, K)
        per_clip = (mixed_labels(step.batch, step.logits) * weighted).sum(1)
        share = min(step.epoch / self.warm_up, 1.0) if self.warm_up else 1.0
        return share * self.temperature**2 * per_clip.mean()


def decoupled(student: Tensor, teacher: Tensor) -> Decoupled:
    """TCKD and NCKD of each clip for each class as its target.

    Args:
        student: (B, K), log probabilities.
        teacher: (B, K), probabilities.
    """
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
    return Decoupled(target, non_target)
