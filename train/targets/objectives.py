"""What training minimises: the objective of a stage, put together from labels, a teacher and the recording devices."""

import numpy as np
from torch import nn

from tinyasc.errors import UserError
from train.targets.adversarial import AdversarialConfig, Devices
from train.targets.distillation import DecoupledTargets, DistillationConfig, Features, SoftTargets
from train.targets.objective import Embedding, Labels, Objective, Teacher, Term, WeightedSum


def build(
    network: nn.Module,
    *,
    label_smoothing: float = 0.0,
    distillation: DistillationConfig | None = None,
    teacher: Teacher | None = None,
    adversarial: AdversarialConfig | None = None,
    classifier: str | None = None,
    device: np.ndarray | None = None,
) -> Objective:
    """The objective of a stage; heads that only training needs are drawn from torch's random state.

    Without a teacher or adversarial weight it is the labels alone. `classifier` names the network's classifier
    (`tinyasc.models.Architecture`); none: its embedding is not known. Adversarial needs it, and `device` int64 (n,),
    that of all training clips.

    Raises:
        UserError: an objective that this network or its data have no place for.
    """
    terms: dict[str, tuple[float, Term]] = {"labels": (1.0, Labels(label_smoothing))}
    if teacher is not None and distillation is not None:
        terms = {"labels": (distillation.hard_weight, Labels(label_smoothing))}
        terms |= _teacher_terms(network, distillation, teacher, classifier)
    if adversarial is not None and adversarial.weight:
        assert classifier is not None
        assert device is not None
        terms["devices"] = 1.0, Devices(Embedding(network, classifier), device, adversarial)
    return WeightedSum(network, terms, teacher)


def _teacher_terms(
    network: nn.Module, distillation: DistillationConfig, teacher: Teacher, classifier: str | None
) -> dict[str, tuple[float, Term]]:
    weight, temperature = 1 - distillation.hard_weight, distillation.temperature
    if distillation.kind == "dkd":
        settings = distillation.target_weight, distillation.non_target_weight, distillation.warm_up
        return {"teacher": (weight, DecoupledTargets(temperature, *settings))}
    terms: dict[str, tuple[float, Term]] = {"teacher": (weight, SoftTargets(temperature, distillation.reduction))}
    if distillation.kind == "feature":
        if classifier is None:
            raise UserError("distillation: this network gives no embedding: take kind kd or dkd")
        features = Features(Embedding(network, classifier), teacher.channels)
        terms["features"] = distillation.feature_weight, features
    return terms
