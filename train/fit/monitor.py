"""What the loop keeps an eye on: the means of an epoch, signals, and what the other processes have.

Shapes: B clips of a batch.
"""

import signal
from types import FrameType, TracebackType
from typing import Any, TypeVar

import torch
from lightning_fabric import Fabric
from torch import Tensor

from train.data.loader import Batch
from train.targets.objective import Losses

SIGNALS = (signal.SIGINT, signal.SIGTERM)
Value = TypeVar("Value")


class Meter:
    """Means of loss and accuracy over the clips so far, read when somebody looks, so that no GPU waits for them.

    A part of a checkpoint (`state`).
    """

    def __init__(self) -> None:
        self.clips = 0
        """That were added and read."""
        self._sums: dict[str, float] = {}
        self._unread: list[tuple[int, int, Tensor]] = []  # step, clips, values on the device
        self._names: list[str] = []

    def add(self, step: int, losses: Losses, batch: Batch) -> None:
        """Note what a batch gave in a step of the epoch; nothing is read yet.

        Where clips are mixed, accuracy goes by the label of the larger share.
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


class Stop:
    """While this block runs, Ctrl-C and SIGTERM are only noted, to end after the step; a second one ends it at once."""

    def __init__(self) -> None:
        self.asked = False
        """Whether a signal has come."""

    def __enter__(self) -> "Stop":
        self._handlers = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def gather(fabric: Fabric, value: Value) -> list[Value]:
    """Collect what each process has, in their order; all of them have to call this."""
    if fabric.world_size == 1:
        return [value]
    values: list[Any] = [None] * fabric.world_size
    torch.distributed.all_gather_object(values, value)
    return values
