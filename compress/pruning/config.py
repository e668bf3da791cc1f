"""The section `pruning` of a recipe."""

from dataclasses import dataclass
from typing import get_args

from compress.pruning.importance import Criterion
from tinyasc.dcase import LIMITS
from tinyasc.errors import UserError

LATEST = LIMITS[max(LIMITS)]


@dataclass(frozen=True)
class PruningConfig:
    """What is pruned away, and on what grounds."""

    parameters: int = LATEST.parameter_bytes or 0
    """Most parameters, as deployed; the default is DCASE's limit in INT8."""
    macs: int = LATEST.macs
    """Most multiply-accumulates of a clip, as deployed; the default is DCASE's limit."""
    rounds: int = 4
    """How often some channels are removed and the rest trained; each round removes the same share of what is there."""
    criterion: Criterion = "taylor"
    """What makes a channel important. taylor: how the loss changes without it (Molchanov et al., 2019). magnitude: the
    norm of its filters (Li et al., 2017)."""
    clips: int = 512
    """Training clips that taylor looks at."""
    round_to: int = 1
    """Channels of a layer are left at a multiple of this; kernels for integers like 4 or 8."""
    min_channels: int = 4
    """Fewest channels of a layer."""

    def __post_init__(self) -> None:
        if self.criterion not in get_args(Criterion):
            raise UserError(f"pruning: criterion is {self.criterion!r}: choose from {', '.join(get_args(Criterion))}")
        for name in ("parameters", "macs", "rounds", "clips", "round_to", "min_channels"):
            if (value := getattr(self, name)) < 1:
                raise UserError(f"pruning: {name} is {value}: take 1 or more")
