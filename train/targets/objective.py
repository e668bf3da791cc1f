"""What every objective is: a module that holds all that is trained, and gives the loss of a batch.

Those of this project are weighted sums of terms: the labels (here), a teacher's answers (`distillation`), the recording
devices (`adversarial`). A teacher may be a file or a network (`teachers`).

Shapes: B clips of a batch, C channels of an embedding, E of a teacher's, K classes.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from torch import Tensor, nn
from torch.nn import functional as F

from tinyasc.errors import UserError
from train.data.loader import Batch


class Losses(NamedTuple):
    """What one batch costs."""

    total: Tensor
    """Scalar: what is minimised."""
    logits: Tensor
    """(B, K), the network's answers."""
    parts: dict[str, Tensor]
    """Scalars by name: what `total` is made of, before weights, for the history; empty where it has no parts."""


class Objective(nn.Module, ABC):
    """A network and the heads that only its training needs; the loop trains all of its parameters.

    `objective(batch)` gives the `Losses`. What it draws, it draws from torch's random state.
    """

    def __init__(self, network: nn.Module) -> None:
        """Hold the network (B, 1, F, T) -> (B, K), which is kept after training."""
        super().__init__()
        self.network = network
        self.epoch = 0.0
        """Where training is, e.g. 2.5 in the middle of the third epoch; the loop sets it before every step."""
        self.epochs = 1
        """Length of the run, set by the loop."""
        self.needs_waveform = False
        """Whether batches have to bring the sound itself (`Batches`)."""

    @abstractmethod
    def forward(self, batch: Batch) -> Losses:
        """The losses of a batch."""


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


class Step(NamedTuple):
    """What the terms go by: a batch, what the network and the teacher said, and how far training is."""

    batch: Batch
    logits: Tensor
    """(B, K), the network's answers."""
    teacher: Answers | None
    """The teacher's of the same clips, before they were changed or mixed; None without a teacher."""
    epoch: float
    """Epochs done, e.g. 2.5 in the middle of the third."""
    epochs: int


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
        """`terms` are weights and terms by name; the teacher is not trained, kept or counted among the parameters."""
        super().__init__(network)
        self.terms = nn.ModuleDict({name: term for name, (_, term) in terms.items()})
        self.weights = {name: weight for name, (weight, _) in terms.items()}
        self.teacher = teacher
        self.needs_waveform = teacher is not None and teacher.needs_waveform

    def forward(self, batch: Batch) -> Losses:
        logits = self.network(batch.features).float()
        taught = None if self.teacher is None else self.teacher(batch)
        step = Step(batch, logits, taught, self.epoch, self.epochs)
        values = {name: term(step) for name, term in self.terms.items()}
        total = logits.new_zeros(())
        for name, value in values.items():
            total = total + self.weights[name] * value
        parts = {name: value.detach() for name, value in values.items()} if len(values) > 1 else {}
        return Losses(total, logits, parts)


class Labels(Term):
    """Cross entropy with the labels, which are mixed where the clips are; mean over clips."""

    def __init__(self, smoothing: float = 0.0) -> None:
        """Spread a share of each target over all classes (Szegedy et al., 2016); UserError where it is none of 0..1."""
        super().__init__()
        if not 0 <= smoothing < 1:
            raise UserError(f"label_smoothing is {smoothing}: take a share of 0 (none) or more, below 1")
        self.smoothing = smoothing

    def forward(self, step: Step) -> Tensor:
        target = mixed_labels(step.batch, step.logits)
        return F.cross_entropy(step.logits, target, label_smoothing=self.smoothing)


def mixed_labels(batch: Batch, output: Tensor) -> Tensor:
    """Target distributions (B, K) of a batch for the logits `output` (B, K): one-hot, mixed where the clips are."""
    return batch.mix(F.one_hot(batch.label, output.shape[1]).to(output.dtype))


class Embedding:
    """What a network knows of a clip before it decides: listens in on its classifier; the network stays as it is.

    embedding = Embedding(network, models.ARCHITECTURES["cp_mobile"].classifier)
    logits = network(features)
    embedding.take()  # (B, C)
    """

    def __init__(self, network: nn.Module, classifier: str) -> None:
        """Listen to the module named `classifier` (`tinyasc.models.Architecture`), which gets (B, C) or (B, C, ...)."""
        module = network.get_submodule(classifier)
        self.channels = _channels(module)
        """C."""
        self._taken: Tensor | None = None
        module.register_forward_pre_hook(self._listen)

    def take(self) -> Tensor:
        """The embedding (B, C) of the network's last forward pass; to be asked for once after each.

        Raises:
            RuntimeError: there was no pass since the last time.
        """
        if self._taken is None:
            raise RuntimeError("the embedding is there once after each forward pass of the network")
        # Kept no longer than needed: it holds on to all that its gradient takes.
        taken, self._taken = self._taken, None
        return taken

    def _listen(self, _module: nn.Module, given: tuple[Tensor, ...]) -> None:
        x = given[0]  # (B, C) or (B, C, F, T)
        self._taken = x.flatten(2).mean(2) if x.ndim > 2 else x


def _channels(classifier: nn.Module) -> int:
    """What the first layer of a classifier takes."""
    for layer in classifier.modules():
        if isinstance(layer, nn.Linear):
            return layer.in_features
        if isinstance(layer, nn.Conv2d):
            return layer.in_channels
        if isinstance(layer, nn.LayerNorm):
            return layer.normalized_shape[-1]
    raise RuntimeError("the classifier has no layer")
