"""What every teacher is. B clips of a batch, K classes, E channels of an embedding."""

from typing import NamedTuple, Protocol

from torch import Tensor

from train.data.loader import Batch


class Answers(NamedTuple):
    """What a teacher says of the clips of a batch, each for itself: neither changed nor mixed."""

    logits: Tensor
    """(B, K)."""
    embedding: Tensor
    """(B, E); E is 0 where the teacher's answers are all there is of it."""


class Teacher(Protocol):
    """Called with a batch; nothing of it is trained."""

    channels: int
    """E."""
    needs_waveform: bool
    """Whether it has to hear the batch's sound."""

    def __call__(self, batch: Batch) -> Answers: ...
