"""What is trained, and in which variants."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

EAGER = "--compute.compile=false"


@dataclass(frozen=True)
class Variant:
    """One way to train."""

    name: str
    """What it has of its own."""
    flags: tuple[str, ...] = ()
    """After the recipe's."""
    sound: Literal["device", "disk"] = "device"
    """Where the sound lies."""
    channels_last: bool = True
    """Whether feature maps have their channels last in memory."""


@dataclass(frozen=True)
class Workload:
    """A recipe, and what of it is compared."""

    name: str
    """Which stage's it is: teacher or student."""
    recipe: str
    """Of train/recipes."""
    epochs: int
    """That the time is asked of."""
    variants: tuple[Variant, ...]
    """The most important first."""
    flags: tuple[str, ...] = ()
    """Of every variant, after the recipe's."""


@dataclass(frozen=True)
class Pace:
    """How long is measured."""

    warm_up: int
    """Steps that are not counted, after the first."""
    block: int
    """Steps after which the device is waited for, as the loop does."""
    blocks: int
    """At least so many are counted, and more until `seconds` have passed."""
    seconds: float
    repeats: int
    """Of each part alone; half as many before are not counted."""


@dataclass(frozen=True)
class Setting:
    """Where and how long every variant is measured."""

    device: str
    """cpu or cuda."""
    data: Path
    """Prepared data set."""
    logits: Path
    """A teacher's, of all its clips."""
    pace: Pace


FULL_PACE = Pace(warm_up=30, block=20, blocks=5, seconds=6.0, repeats=30)

RECIPE, NOT_COMPILED = Variant("as the recipe"), Variant("not compiled", (EAGER,))
FROM_DISK = Variant("not compiled, sound from disk", (EAGER,), sound="disk")
FLOAT32 = Variant("not compiled, float32", (EAGER, "--compute.precision=float32"))
DETERMINISTIC = Variant("not compiled, deterministic", (EAGER, "--compute.deterministic=true"))
CHANNELS_FIRST = Variant("not compiled, channels first", (EAGER,), channels_last=False)

FULL = (
    Workload("student", "cp_mobile", 150, (RECIPE, NOT_COMPILED, FROM_DISK, CHANNELS_FIRST, FLOAT32, DETERMINISTIC)),
    Workload("teacher", "cpjku_passt", 25, (RECIPE, NOT_COMPILED, FROM_DISK, FLOAT32, DETERMINISTIC)),
)
