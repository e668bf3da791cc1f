"""What a stage hands to the loop."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lightning_fabric import Fabric
from torch import nn

from tinyasc.errors import UserError
from train.data.loader import Batches
from train.fit.loop.config import FitConfig
from train.fit.loop.history import Row, check_tensorboard
from train.fit.loop.learner import Learner
from train.fit.schedule import factor
from train.targets.objective import Objective


@dataclass(frozen=True)
class Task:
    """What is trained, on what, and where its state lies until it is done."""

    objective: Objective
    """Trained in place."""
    batches: Batches
    """The training clips, as far as they are this process's."""
    config: FitConfig
    """Length and pace."""
    partial: Path
    """Folder of the checkpoints and of the history while training goes on (`partial_of`)."""
    identity: str
    """Everything that the result depends on, as text."""
    seed: int
    """Of every random draw."""
    compiled: bool = False
    """Compile the network."""
    validate: Callable[[nn.Module], Row] | None = None
    """A network with the weights so far -> columns of the history, among them validation_accuracy and
    validation_log_loss."""
    before_epoch: Callable[[int], None] = lambda epoch: None
    """Called with the number of each epoch, from 0, before its steps, e.g. to freeze parts of the network."""

    def __post_init__(self) -> None:
        if self.config.keep == "best" and self.validate is None:
            raise UserError("fit: keep best needs clips to choose by: give examples.validation, e.g. 0.1, or keep last")
        if self.config.tensorboard:
            check_tensorboard()

    def learner(self, fabric: Fabric) -> Learner:
        """The objective with its optimiser, on the devices of `fabric`."""
        config = self.config
        return Learner(
            fabric,
            self.objective,
            optimizer=config.optimizer,
            weight_decay=config.weight_decay,
            parts=config.accumulate,
            clip_norm=config.clip_norm,
            average=config.average,
            compiled=self.compiled,
        )

    def set_place(self, epoch: int, step: int) -> float:
        """Tell the objective where training is, before a step; the learning rate there."""
        place, config = epoch + step / len(self.batches), self.config
        self.objective.epoch, self.objective.epochs = place, config.epochs
        return config.learning_rate * factor(config.schedule, place, len(self.batches), config.epochs)


def partial_of(out: Path) -> Path:
    """Folder of an unfinished run: `OUT.partial`."""
    return out.with_name(out.name + ".partial")
