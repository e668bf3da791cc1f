"""The section `fit` of a recipe: how long, how fast and by which optimiser a network is trained.

The course of the learning rate is put together from phases: warm-up, hold, ramp down, cosine, restarts.

    schedule:                                   # CP-Mobile's
      - {shape: exponential, epochs: 14}        # warm-up to the full rate
      - {shape: hold, epochs: 36}
      - {shape: linear, epochs: 84, to: 0.005}  # from where the phase before ended
      - {shape: hold}                           # only the last may leave its length out: to the end of the run

Levels are shares of `fit.learning_rate`. Every phase goes on from where the one before ended; after the last, its level
stays. `python -m train.schedule RECIPE` prints the rate of a recipe and draws it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tinyasc.errors import UserError

OPTIMIZERS = ("adam", "adamw", "sgd")
Shape = Literal["hold", "linear", "exponential", "cosine"]
GOALS: dict[Shape, float | None] = {"hold": None, "linear": 1.0, "exponential": 1.0, "cosine": 0.0}
"""The shapes, and where a phase goes that does not say it; hold stays where it is."""


@dataclass(frozen=True)
class Phase:
    """One part of a schedule."""

    shape: Shape
    """hold; linear; exponential: a warm-up, exp(-5 (1 - e / epochs)^2) of its goal, e not below 0.5 (CP-JKU's
    submissions); cosine: half a period. A linear phase that comes first begins at 0, the others at the full rate."""
    epochs: float | None = None
    """Its length. Give this or steps; neither, in the last phase: to the end of the run."""
    steps: int | None = None
    """Its length in updates of the weights, e.g. the 2,000 of the warm-up of DCASE's 2024 baseline."""
    to: float | None = None
    """Level at its end; none: 1 (linear, exponential), 0 (cosine), or as before (hold). A hold with a level jumps."""
    restarts: int = 0
    """A cosine may begin anew from its first level so many times (Loshchilov and Hutter, "SGDR", 2017). TF-SepNet: 3,
    from 10 epochs on with growth 2, which are 150."""
    growth: float = 1.0
    """Each restarted cosine is so many times as long as the one before."""

    def __post_init__(self) -> None:
        if self.shape not in GOALS:
            raise UserError(f"schedule: shape is {self.shape!r}: take {', '.join(GOALS)}")
        if self.epochs is not None and self.steps is not None:
            raise UserError(f"schedule: {self.shape} has both epochs and steps: give one of them")
        for name, value in (("epochs", self.epochs), ("steps", self.steps), ("to", self.to)):
            if value is not None and not 0 <= value < math.inf:
                raise UserError(f"schedule: {self.shape} has {name} {value}: take 0 or more")
        if self.restarts < 0 or not 0 < self.growth < math.inf:
            raise UserError(
                f"schedule: restarts is {self.restarts} and growth {self.growth}: "
                "take 0 or more restarts, and a growth above 0"
            )
        if (self.restarts or self.growth != 1) and self.shape != "cosine":
            raise UserError(f"schedule: {self.shape} has restarts or growth, which only a cosine knows")
        if self.growth != 1 and not self.restarts:
            raise UserError("schedule: growth is of restarts: give their number too")
        if self.restarts and self.open:
            raise UserError("schedule: a cosine with restarts needs the length of the first one: give epochs or steps")

    @property
    def open(self) -> bool:
        """Whether it lasts to the end of the run."""
        return self.epochs is None and self.steps is None

    def length(self, steps_per_epoch: float, rest: float) -> float:
        """Its length in epochs, where `rest` of the run are left."""
        if self.steps is not None:
            return self.steps / steps_per_epoch
        return rest if self.epochs is None else self.epochs


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


class Stretch(NamedTuple):
    """A phase, or one cosine of it, at its place in a run: `begin` and `end` in epochs."""

    shape: Shape
    begin: float
    end: float
    first: float
    """Level where it sets out; an exponential one sets out from wherever its formula says."""
    last: float
    """Level at its end."""

    def level(self, epoch: float) -> float:
        """Share of the learning rate at an epoch between begin and end, which it must not have reached."""
        length, passed = self.end - self.begin, epoch - self.begin
        if self.shape == "hold":
            return self.last
        if self.shape == "linear":
            return self.first + (self.last - self.first) * passed / length
        if self.shape == "cosine":
            return self.last + (self.first - self.last) * (1 + math.cos(math.pi * passed / length)) / 2
        return self.last * math.exp(-5 * max(1 - max(passed, 0.5) / length, 0) ** 2)


def check(schedule: Sequence[Phase]) -> None:
    """Raise UserError where a phase without a length is not the last."""
    for number, phase in enumerate(schedule[:-1], 1):
        if phase.open:
            raise UserError(
                f"schedule: phase {number} of {len(schedule)} ({phase.shape}) has no length, so it lasts to the end: "
                "give it epochs or steps, or make it the last"
            )


def stretches(schedule: Sequence[Phase], steps_per_epoch: float, epochs: float) -> Iterator[Stretch]:
    """Yield checked phases at their places, restarted cosines one by one; the last need not end where the run does."""
    begin, level = 0.0, None
    for phase in schedule:
        first = level if level is not None else 0.0 if phase.shape == "linear" else 1.0
        last = next(value for value in (phase.to, GOALS[phase.shape], first) if value is not None)
        length = phase.length(steps_per_epoch, rest=max(epochs - begin, 0.0))
        for _ in range(phase.restarts + 1):
            yield Stretch(phase.shape, begin, begin + length, first, last)
            begin += length
            length *= phase.growth
        level = last


def factor(schedule: Sequence[Phase], epoch: float, steps_per_epoch: float, epochs: float) -> float:
    """Learning rate over `fit.learning_rate` at an epoch, e.g. 2.5 in the middle of the third.

    An empty schedule is 1 throughout; `epochs` is the length of the run, for a last phase without a length.
    """
    level = 1.0
    for stretch in stretches(schedule, steps_per_epoch, epochs):
        if epoch < stretch.end:
            return stretch.level(epoch)
        level = stretch.last
    return level
