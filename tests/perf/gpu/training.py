"""Steps of the real loop, from the sound to updated weights, timed."""

import gc
import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import count, islice
from typing import Any

import torch

from tests.perf import recipes
from tests.perf.gpu.parts import Parts, parts_of
from tests.perf.gpu.watch import Watch
from tests.perf.gpu.workloads import Setting, Variant, Workload
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.runs.setup import setup_fabric
from train.data.loader import Batch, Batches, DiskSound
from train.fit.monitor import Meter
from train.student import train_student
from train.targets.stored import Stored
from train.teacher import train_teacher


@dataclass(frozen=True)
class Speed:
    """What was measured of one variant."""

    batch_size: int
    """Clips a step."""
    parameters: int
    """That are trained."""
    sound: str
    """Where it lay: cuda or disk."""
    clips_per_second: float
    """Median of the blocks."""
    slowest: float
    """Of the blocks, clips/s."""
    fastest: float
    """Of the blocks, clips/s."""
    steps: int
    """In all blocks."""
    prepare_seconds: float
    """Until the sound lay where the steps want it."""
    first_seconds: float
    """The first step, with compiling."""
    memory: float | None
    """Most of the GPU's that was taken at a time, GB."""
    busy_percent: float | None
    """Of the time the GPU had any work, as its driver says."""
    why_not_busy: str | None
    """Why the driver cannot be asked."""
    parts: Parts

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def speed(workload: Workload, variant: Variant, setting: Setting) -> Speed:
    """Train for a while.

    Args:
        workload: what.
        variant: how.
        setting: where, and for how long.
    """
    pace = setting.pace
    _forget(setting.device)
    command = train_student if workload.name == "student" else train_teacher
    flags = (*workload.flags, *variant.flags, f"--compute.device={setting.device}")
    recipe = recipes.load(command, workload.recipe, *flags)
    fabric = setup_fabric(recipe.compute)
    with Clips(setting.data) as clips:
        learned: dict[str, Any] = {}
        if workload.name == "student":
            teacher = Stored(setting.logits, clips, clips.indices("train"), fabric.device)
            learned = {"distillation": recipe.distillation, "teacher": teacher}
        task = recipes.task(recipe, clips, fabric.device, channels_last=variant.channels_last, **learned)
        if variant.sound == "disk":
            task.batches._sound = DiskSound(clips, fabric.device)
        started = time.perf_counter()
        task.batches.prepare()
        prepared = time.perf_counter() - started
        learner, meter, batches = task.learner(fabric), Meter(), _whole(task.batches)
        task.objective.train()
        rate = task.set_place(0, 0)

        def block(steps: int) -> float:
            began = time.perf_counter()
            for _ in range(steps):
                learner.step(batches, rate, lambda losses, batch: meter.add(0, losses, batch))
            if meter.read() is not None:
                raise UserError("the loss is not finite")
            return time.perf_counter() - began

        first = block(1)
        block(pace.warm_up)
        taken: list[float] = []
        with Watch(fabric.device) as watch:
            while len(taken) < pace.blocks or sum(taken) < pace.seconds:
                taken.append(block(pace.block))
        memory = torch.cuda.max_memory_allocated(fabric.device) / 1e9 if fabric.device.type == "cuda" else None
        rates = [pace.block * recipe.fit.batch_size / seconds for seconds in taken]
        return Speed(
            batch_size=recipe.fit.batch_size,
            parameters=sum(p.numel() for p in task.objective.parameters() if p.requires_grad),
            sound="disk" if isinstance(task.batches._sound, DiskSound) else fabric.device.type,
            clips_per_second=statistics.median(rates),
            slowest=min(rates),
            fastest=max(rates),
            steps=len(taken) * pace.block,
            prepare_seconds=prepared,
            first_seconds=first,
            memory=memory,
            busy_percent=watch.percent,
            why_not_busy=watch.why_not,
            parts=parts_of(fabric, task, learner, lambda: block(1), pace.repeats),
        )


def _whole(batches: Batches) -> Iterator[Batch]:
    """Epochs without their last step, which has fewer clips and would be compiled for itself."""
    whole = len(batches.slicing) // batches.batch_size
    if not whole:
        raise UserError(f"{len(batches.slicing)} clips are less than a step's {batches.batch_size}")
    for epoch in count():
        yield from islice(batches.epoch(epoch), whole)


def _forget(device: str) -> None:
    """What variants before left in this process."""
    torch.compiler.reset()
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
