"""Random changes of training clips, one augmentation a file; the files of this package are all there are.

To add one, write NAME.py here:

- a frozen dataclass of its settings, which become the recipe's keys and the flags `--augmentation.KEY`; their names are
  its own among all augmentations, and its defaults turn it off;
- a class of one of the domains below, registered at its place in the order of application, with `Config`, `switches`,
  what `train.preview` shows of it, and `apply`.

`train.data.augment` puts together those that a recipe turns on. All random numbers are drawn on the CPU from torch's
global state, so that a seed gives the same change on every device (of noise, which is too much to draw there and to
copy, only the seed is); all arithmetic happens on the device of the batch. What is drawn is sent to it without waiting
for the work that is queued there (`non_blocking`): at most 64 KB at a time, which CUDA takes at once from memory of any
kind.

Shapes: B clips, S samples, F mel bands, T frames.
"""

import importlib
import math
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar

from torch import Tensor

from tinyasc.errors import UserError
from tinyasc.mel import MelConfig


class Mix(NamedTuple):
    """Which clip of a batch is mixed with which, and how much; called on everything that belongs to the clips.

        features, target = mix(features), mix(target)

    Targets may be hard (one-hot) or soft, e.g. a teacher's answers.
    """

    own: Tensor | None = None
    """(B,) in 0.5..1: share of each clip in its mixture; None: nothing is mixed."""
    other: Tensor | None = None
    """(B,) int64: the clip that gives the rest."""

    def __call__(self, values: Tensor) -> Tensor:
        """(B, ...) -> same shape, mixed along the first axis; without a mix the argument itself."""
        if self.own is None or self.other is None:
            return values
        own = self.own.to(values.device, non_blocking=True).view(-1, *[1] * (values.ndim - 1))
        return own * values + (1 - own) * values[self.other.to(values.device, non_blocking=True)]


@dataclass(frozen=True)
class Context:
    """What an augmentation is applied to."""

    front_end: MelConfig | None
    """Settings of the spectrograms; none for networks that take the waveform."""
    devices: list[str]
    """Names of the data set's devices."""
    sample_rate: int
    """Of its clips, Hz."""


@dataclass(frozen=True)
class Preview:
    """One row of the picture of `train.preview`."""

    title: str
    setting: str
    """What is drawn, and whose setting it is."""
    config: Mapping[str, Any]
    """The settings: drawn with certainty here, not with the recipe's share."""
    panel: Literal["clip", "moment"] = "moment"
    """Where the waveform changes, what is shown of it: the whole clip, or the moment around its loudest sample."""


class Augmentation(ABC):
    """One random change. It is applied only where one of its switches is on."""

    Config: ClassVar[type]
    """Dataclass of its settings."""
    switches: ClassVar[tuple[str, ...]]
    """The settings that turn it off where all of them are 0. Those named ..._probability lie in 0..1."""
    previews: ClassVar[tuple[Preview, ...]] = ()
    """How it is shown."""

    def __init__(self, config: Any, context: Context) -> None:
        """Read all that batches will need, here only the settings; UserError where they do not fit the context."""
        self.config = config

    @classmethod
    def check(cls, config: Any) -> None:
        """Raise UserError for settings that cannot be; here the switches alone."""
        for name in cls.switches:
            value = getattr(config, name)
            if name.endswith("_probability") and not 0 <= value <= 1:
                raise UserError(f"augmentation: {name} is {value}: take 0 to 1")
            if not 0 <= value < math.inf:
                raise UserError(f"augmentation: {name} is {value}: take 0 or more; 0 turns the change off")

    @classmethod
    def active(cls, config: Any) -> list[str]:
        """Its switches that are on."""
        return [name for name in cls.switches if getattr(config, name)]

    @classmethod
    def files(cls, config: Any) -> list[Path]:
        """The files that its results depend on."""
        return []


class WaveformAugmentation(Augmentation):
    """A change of the sound, before the front end."""

    on_features: ClassVar["type[SpectrogramAugmentation] | None"] = None
    """What does the same to features that were computed once and kept; none: nothing can."""

    @abstractmethod
    def apply(self, waveform: Tensor, device: Tensor) -> Tensor:
        """Change waveforms (B, S), recorded by `device` int64 (B,) on the CPU: (B, S), a new tensor or the argument."""

    def notes(self, before: Tensor, after: Tensor, sample_rate: int) -> Sequence[str]:
        """Measure what was drawn for each clip from the waveforms (B, S) before and after: B words, or none."""
        return ()


class FrontEndAugmentation(Augmentation):
    """A change of the front end's mel bands, the same for all clips of a batch."""

    @abstractmethod
    def apply(self, edges: tuple[float, float]) -> tuple[float, float]:
        """Change the lower and the upper edge of the mel bands, Hz."""


class SpectrogramAugmentation(Augmentation):
    """A change of spectrograms that leaves the targets as they are."""

    @abstractmethod
    def apply(self, features: Tensor) -> Tensor:
        """Change features (B, 1, F, T), normalised log-mel: same shape, a new tensor or the argument."""


class BatchAugmentation(Augmentation):
    """A change that mixes the features of a batch's clips, and their targets alike."""

    @abstractmethod
    def apply(self, features: Tensor) -> tuple[Tensor, Mix]:
        """Change features (B, 1, F, T), or (B, 1, 1, S) waveforms; also what is to be done to their targets."""


Kind = TypeVar("Kind", bound=type[Augmentation])
_registered: dict[int, type[Augmentation]] = {}


def register(order: int) -> Callable[[Kind], Kind]:
    """Add a class to the augmentations; it is applied after those of a lower order, and so are its keys listed."""

    def add(kind: Kind) -> Kind:
        other = _registered.setdefault(order, kind)
        if other is not kind:
            raise ValueError(f"{kind.__name__} and {other.__name__} have the same order {order}")
        return kind

    return add


for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
AUGMENTATIONS: tuple[type[Augmentation], ...] = tuple(_registered[order] for order in sorted(_registered))
"""All of them, in the order of application."""
