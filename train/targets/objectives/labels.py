"""Learning from labels."""

from torch import Tensor
from torch.nn import functional as F

from tinyasc.errors import UserError
from train.targets.objectives.objective import mixed_labels
from train.targets.objectives.terms import Step, Term


class Labels(Term):
    """Cross entropy with the labels, which are mixed where the clips are; mean over clips."""

    def __init__(self, smoothing: float = 0.0) -> None:
        """Args:
        smoothing: share of each target that is spread over all classes (Szegedy et al., 2016).

        Raises:
            UserError: it is no such share.
        """
        super().__init__()
        if not 0 <= smoothing < 1:
            raise UserError(f"label_smoothing is {smoothing}: take a share of 0 (none) or more, below 1")
        self.smoothing = smoothing

    def forward(self, step: Step) -> Tensor:
        """See `Term`."""
        target = mixed_labels(step.batch, step.logits)
        return F.cross_entropy(step.logits, target, label_smoothing=self.smoothing)
