"""Feature distillation: from the student's embedding the teacher's can be told by one matrix.

Source: Romero et al., "FitNets: hints for thin deep nets", 2015: regression onto the teacher by a head that is thrown
away, here at the last layer and from the start. Chen et al., "Improved feature distillation via projector ensemble",
2022: directions are compared, which needs no common scale.
Shapes: B clips, C channels of the student, E channels of the teacher.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from train.targets.objectives.embedding import Embedding
from train.targets.objectives.terms import Step, Term


class Features(Term):
    """1 - cosine between the projected embedding of the student and the teacher's, mean over clips: 0 to 2.

    Where clips are mixed, so are the directions of the teacher's embeddings.
    """

    def __init__(self, embedding: Embedding, teacher_channels: int) -> None:
        """Args:
        embedding: of the student.
        teacher_channels: E.
        """
        super().__init__()
        self.embedding = embedding
        self.projection = nn.Linear(embedding.channels, teacher_channels)

    def forward(self, step: Step) -> Tensor:
        """See `Term`."""
        assert step.teacher is not None
        wanted = step.batch.mix(F.normalize(step.teacher.embedding, dim=1))  # (B, E)
        projected = self.projection(self.embedding.take()).float()
        return 1 - F.cosine_similarity(projected, wanted, dim=1).mean()
