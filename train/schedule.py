"""The learning rate over the epochs: exponential warm-up, constant, linear ramp down, flat end.

Source: the shape that CP-JKU's submissions to DCASE Task 1 (2022, 2023) share.
"""

import math
from dataclasses import dataclass

from tinyasc.errors import UserError


@dataclass(frozen=True)
class ScheduleConfig:
    """All in epochs, fractions allowed."""

    warm_up: float
    """Length of the warm-up."""
    ramp_down_start: float
    """When the rate begins to fall."""
    ramp_down: float
    """Length of the fall."""
    last_factor: float = 0.005
    """Rate after the fall over the highest rate."""

    def __post_init__(self) -> None:
        if min(self.warm_up, self.ramp_down) < 0 or self.ramp_down_start < self.warm_up:
            raise UserError(f"schedule: the ramp down starts at {self.ramp_down_start}, inside the warm-up")


def factor(epoch: float, config: ScheduleConfig) -> float:
    """Learning rate over the highest learning rate at an epoch, e.g. 2.5 in the middle of the third."""
    if epoch < config.warm_up:
        return math.exp(-5 * (1 - max(epoch, 0.5) / config.warm_up) ** 2) if config.warm_up > 0.5 else 1.0
    fallen = (
        (epoch - config.ramp_down_start) / config.ramp_down if config.ramp_down else epoch >= config.ramp_down_start
    )
    return 1 - (1 - config.last_factor) * min(max(fallen, 0.0), 1.0)
