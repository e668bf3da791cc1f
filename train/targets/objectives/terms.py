"""An objective that is a weighted sum of terms, each in a file of its own: labels, a teacher's answers, devices.

Shapes: B clips of a batch, C channels of an embedding, K classes.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor, nn

from train.data.loader import Batch
from train.targets.objectives.objective import Losses, Objective
from train.targets.teachers.teacher import Answers, Teacher


class Step(NamedTuple):
    """What the terms go by: a batch, what the network and the teacher said, and how far training is."""

    batch: Batch
    """The clips."""
    logits: Tensor
    """(B, K), the network's answers."""
    teacher: Answers | None
    """The teacher's of the same clips, before they were changed or mixed; None without a teacher."""
    epoch: float
    """Epochs done, e.g. 2.5 in the middle of the third."""
    epochs: int
    """Length of the run."""


class Term(nn.Module, ABC):
    """One part of what training minimises, with the heads that it needs."""

    @abstractmethod
    def forward(self, step: Step) -> Tensor:
        """Scalar, before its weight."""


class WeightedSum(Objective):
    """The sum of terms times their weights; more than one are the parts of its `Losses`."""

    def __init__(
        self, network: nn.Module, terms: Mapping[str, tuple[float, Term]], teacher: Teacher | None = None
    ) -> None:
        """Args:
        network: (B, 1, F, T) -> (B, K).
        terms: weight and term by name.
        teacher: whom the terms listen to; it is not trained, kept or counted among the parameters.
        """
        super().__init__(network)
        self.terms = nn.ModuleDict({name: term for name, (_, term) in terms.items()})
        self.weights = {name: weight for name, (weight, _) in terms.items()}
        self.teacher = teacher
        self.needs_waveform = teacher is not None and teacher.needs_waveform

    def forward(self, batch: Batch) -> Losses:
        """See `Objective`."""
        logits = self.network(batch.features).float()
        taught = None if self.teacher is None else self.teacher(batch)
        step = Step(batch, logits, taught, self.epoch, self.epochs)
        values = {name: term(step) for name, term in self.terms.items()}
        total = logits.new_zeros(())
        for name, value in values.items():
            total = total + self.weights[name] * value
        parts = {name: value.detach() for name, value in values.items()} if len(values) > 1 else {}
        return Losses(total, logits, parts)
