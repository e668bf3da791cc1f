"""Loss and accuracy over the clips of an epoch, without making a GPU wait: they are read when somebody looks.

Shapes: B clips of a batch.
"""

from typing import Any

import torch
from torch import Tensor

from train.data.loader import Batch
from train.targets.objective import Losses


class Meter:
    """Means over the clips so far; a part of a checkpoint (`state`)."""

    def __init__(self) -> None:
        self.clips = 0
        """That were added and read."""
        self._sums: dict[str, float] = {}
        self._unread: list[tuple[int, int, Tensor]] = []  # step, clips, values on the device
        self._names: list[str] = []

    def add(self, step: int, losses: Losses, batch: Batch) -> None:
        """Note what a batch gave; nothing is read yet.

        Args:
            step: of the epoch.
            losses: of the batch.
            batch: with its labels; where clips are mixed, a label is the larger share's.
        """
        correct = (losses.logits.detach().argmax(1) == batch.label).float().mean()
        values = {"loss": losses.total, "accuracy": correct}
        values |= {f"loss_{name}": value for name, value in losses.parts.items()}
        self._names = list(values)
        row = torch.stack([value.detach().float() for value in values.values()])
        self._unread.append((step, len(batch.label), row))

    def read(self) -> int | None:
        """Wait for what was added and count it; the first step whose loss is not finite, if there is one."""
        if not self._unread:
            return None
        rows = torch.stack([row for _, _, row in self._unread]).cpu().double()  # one wait for all of them
        for (_, clips, _), row in zip(self._unread, rows.tolist(), strict=True):
            self.clips += clips
            for name, value in zip(self._names, row, strict=True):
                self._sums[name] = self._sums.get(name, 0.0) + clips * value
        wrong = (~rows[:, 0].isfinite()).nonzero().flatten().tolist()
        steps = [self._unread[place][0] for place in wrong]
        self._unread = []
        return min(steps, default=None)

    def means(self) -> dict[str, float]:
        """loss, accuracy, and loss_PART for each part of the loss, of all that was read."""
        return {name: value / self.clips for name, value in self._sums.items()}

    def state(self) -> dict[str, Any]:
        """What was read, for a checkpoint."""
        return {"clips": self.clips, "sums": dict(self._sums)}

    @classmethod
    def of(cls, *states: dict[str, Any]) -> "Meter":
        """The meter of a `state`; of several, one each process, that of all their clips."""
        meter = cls()
        for state in states:
            meter.clips += state["clips"]
            for name, value in state["sums"].items():
                meter._sums[name] = meter._sums.get(name, 0.0) + value
        return meter
