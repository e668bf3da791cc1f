"""The section `fit` of a recipe: how long, how fast and by which optimiser a network is trained."""

import math
from dataclasses import dataclass
from typing import Literal

from tinyasc.errors import UserError
from train.fit.schedule import Phase, check

OPTIMIZERS = ("adam", "adamw", "sgd")


@dataclass(frozen=True)
class FitConfig:
    """Length and pace of a training run."""

    epochs: int
    """Passes over the training clips."""
    batch_size: int
    """Clips a step, over all devices and all accumulated parts. CP-Mobile: 256, PaSST: 80."""
    learning_rate: float
    """Highest learning rate."""
    weight_decay: float
    """Of adam and sgd an L2 penalty; of adamw apart from the gradient (Loshchilov and Hutter, 2019)."""
    schedule: list[Phase]
    """Course of the learning rate."""
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    """sgd is with Nesterov's momentum 0.9. CP-Mobile and CP-JKU's PaSST: adam; DCASE's 2024 baseline: adamw."""
    accumulate: int = 1
    """Parts that a step's clips go through the network in, one after the other, to take less memory."""
    clip_norm: float = 0.0
    """Longest gradient, the norm over all parameters; longer ones are shortened. 0: any length."""
    average: float = 0.0
    """Decay a step of the moving average of the weights that is kept and scored in their place, e.g. 0.999; 0: none."""
    keep: Literal["last", "best"] = "last"
    """Whose epoch's weights the run is: the last one's, or those with the best macro accuracy on the validation clips
    (examples.validation)."""
    checkpoint_minutes: float = 10.0
    """Longest work that a power cut may cost, minutes; there is a checkpoint at every epoch's end, too."""
    tensorboard: bool = False
    """Write the history for TensorBoard as well, which is an extra: pip install -e '.[tensorboard]'."""

    def __post_init__(self) -> None:
        check(self.schedule)
        for name, known in (("optimizer", OPTIMIZERS), ("keep", ("last", "best"))):
            if (value := getattr(self, name)) not in known:
                raise UserError(f"fit: {name} is {value!r}: choose from {', '.join(known)}")
        if self.epochs < 1 or self.batch_size < 1:
            raise UserError("fit: epochs and batch_size must be above zero")
        if not 0 < self.learning_rate <= 10:
            raise UserError(f"fit: learning_rate is {self.learning_rate}: take a rate above zero, at most 10")
        if not 0 <= self.weight_decay <= 10:
            raise UserError(f"fit: weight_decay is {self.weight_decay}: take 0 (none) or more, at most 10")
        if self.accumulate < 1:
            raise UserError(f"fit: accumulate is {self.accumulate}: take 1 (a step's clips at once) or more parts")
        if not 0 <= self.clip_norm < math.inf:
            raise UserError(f"fit: clip_norm is {self.clip_norm}: take a length above zero, or 0 for none")
        if not 0 <= self.average < 1:
            raise UserError(f"fit: average is {self.average}: take a decay below 1, e.g. 0.999, or 0 for none")
        if self.checkpoint_minutes <= 0:
            raise UserError(f"fit: checkpoint_minutes is {self.checkpoint_minutes}: take more than zero minutes")
