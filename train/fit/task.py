"""What a stage hands to the loop, and what that would take: `dry_run` measures a few steps and writes nothing."""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import nn

from tinyasc.errors import UserError
from train.data.loader import Batches
from train.fit.config import FitConfig, factor
from train.fit.history import CSV, JSON_LINES, Row, check_tensorboard
from train.fit.learner import Learner
from train.fit.monitor import Meter, gather
from train.targets.objective import Objective

WARM_UP, MEASURED = 2, 20
"""Steps before those that are timed, and most of those."""
SECONDS = 10.0
"""No further step is timed after so long."""


@dataclass(frozen=True)
class Task:
    """What is trained, on what, and where its state lies until it is done."""

    objective: Objective
    """Trained in place."""
    batches: Batches
    """The training clips, as far as they are this process's."""
    config: FitConfig
    partial: Path
    """Folder of the checkpoints and of the history while training goes on (`partial_of`)."""
    identity: str
    """Everything that the result depends on, as text."""
    seed: int
    compiled: bool = False
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
        return Learner(fabric, self.objective, self.config, compiled=self.compiled)

    def set_place(self, epoch: int, step: int) -> float:
        """Tell the objective where training is, before a step; the learning rate there."""
        place, config = epoch + step / len(self.batches), self.config
        self.objective.epoch, self.objective.epochs = place, config.epochs
        return config.learning_rate * factor(config.schedule, place, len(self.batches), config.epochs)


def partial_of(out: Path) -> Path:
    """Folder of an unfinished run: `OUT.partial`."""
    return out.with_name(out.name + ".partial")


def dry_run(fabric: Fabric, task: Task, *, title: str, out: Path, files: list[str], scored: int) -> None:
    """Train for a few steps and print what the run `out` would take: its `files`, and `scored` test clips."""
    batches, config = task.batches, task.config
    started = time.perf_counter()
    batches.prepare()
    preparing = time.perf_counter() - started
    step_seconds, clips_per_second = _timed(fabric, task)
    if not fabric.is_global_zero:
        return
    steps, trained = len(batches), sum(p.numel() for p in task.objective.parameters() if p.requires_grad)
    seconds = steps * step_seconds
    share = f"{fabric.world_size} x {config.accumulate} x {config.batch_size // fabric.world_size // config.accumulate}"
    held_out = f", {len(batches.validation):,} held out" if len(batches.validation) else ""
    every = f"every epoch and every {config.checkpoint_minutes:g} minutes"
    lines = {
        "clips": f"{batches.clips_per_epoch:,} an epoch{held_out}; {scored:,} to be scored on in the end",
        "steps": f"{steps:,} an epoch of {config.batch_size} clips (devices x parts x clips: {share}), "
        f"{config.epochs:,} epochs: {steps * config.epochs:,}",
        "parameters": f"{trained:,} trained",
        "speed": f"{clips_per_second:,.0f} clips/s on {fabric.device}, {step_seconds:.3g} s a step",
        "memory": _memory(fabric.device),
        "time": f"{_clock(preparing)} once, then {_clock(seconds)} an epoch, "
        f"{_clock(preparing + seconds * config.epochs)} in all, without scoring",
        "meanwhile": f"{task.partial}: two checkpoints ({every}), {CSV}, {JSON_LINES}",
        "in the end": f"{out}: {', '.join(files)}",
    }
    print(f"{title}: dry run, nothing is written")
    for name, text in lines.items():
        print(f"  {name:<10}  {text}")


def _timed(fabric: Fabric, task: Task) -> tuple[float, float]:
    """Seconds a step, and clips a second; the first steps are left out, as they are slower."""
    learner, meter = task.learner(fabric), Meter()
    torch.manual_seed(task.seed)
    task.objective.train()
    task.before_epoch(0)
    rate = task.set_place(0, 0)
    parts = chain.from_iterable(task.batches.epoch(epoch) for epoch in range(WARM_UP + MEASURED))

    def step() -> int:
        return learner.step(parts, rate, lambda losses, batch: meter.add(0, losses, batch))

    for _ in range(WARM_UP):
        step()
    clips, done, started = 0, 0, _now(fabric)
    while done < MEASURED and not any(gather(fabric, time.perf_counter() - started > SECONDS)):
        clips += step()
        done += 1
    seconds = _now(fabric) - started
    return seconds / done, clips * fabric.world_size / seconds


def _now(fabric: Fabric) -> float:
    """The time when all that was asked of the device is done."""
    if fabric.device.type == "cuda":
        torch.cuda.synchronize(fabric.device)
    return time.perf_counter()


def _memory(device: torch.device) -> str:
    """Most that was in use so far, and what was measured."""
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(device)
        return f"{peak / 1e9:.2f} GB at most of each GPU's (torch.cuda.max_memory_allocated)"
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return f"{peak / 1e9:.2f} GB at most (resident memory of a process, with all that it loaded)"


def _clock(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
