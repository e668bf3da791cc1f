"""The parts of a step alone, the kernels of a step, and the arithmetic of a clip.

A part alone is begun when the device has nothing else to do, and waited for: what it takes holds the time in which the
processor launches it, which a whole step may hide behind the work of the device.
"""

import copy
import statistics
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from tests.perf.gpu.peak import now
from train.data.loader import Batch
from train.fit.learner import Learner
from train.fit.task import Task

Result = TypeVar("Result")
PROFILED = 5
"""Steps."""
BACKWARD = 2
"""Arithmetic of the backward pass over that of the forward pass, as is usual: torch's counter does not know the
backward pass of grouped convolutions."""


@dataclass(frozen=True)
class Parts:
    """What a step is made of."""

    milliseconds: dict[str, float]
    """Each part alone, median; empty where that failed."""
    kernels: float | None
    """Launched in a step."""
    kernel_milliseconds: float | None
    """Their time in a step."""
    flops_per_clip: float | None
    """Of the network, forward and backward; a multiplication and an addition are two."""
    failed: list[str]
    """What of this could not be measured, and why."""


def parts_of(fabric: Fabric, task: Task, learner: Learner, step: Callable[[], object], repeats: int) -> Parts:
    """Measure them.

    Args:
        fabric: where.
        task: what is trained.
        learner: of the task.
        step: one whole step.
        repeats: of each part.
    """
    failed: list[str] = []

    def tried(name: str, work: Callable[[], Result], otherwise: Result) -> Result:
        try:
            return work()
        except Exception as error:  # what was measured before is worth keeping
            failed.append(f"{name}: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
            return otherwise

    alone = tried("parts alone", lambda: _alone(fabric, task, learner, repeats), {})
    count, busy = tried("kernels", lambda: _kernels(fabric.device, step), (None, None))
    flops = tried("arithmetic", lambda: _flops_per_clip(task), None)
    return Parts(alone, count, busy, flops, failed)


def _alone(fabric: Fabric, task: Task, learner: Learner, repeats: int) -> dict[str, float]:
    batches, device = task.batches, fabric.device
    drawn, size = batches.slicing.epoch(0), batches.batch_size
    recorded = torch.from_numpy(batches.clips.device[drawn.index[:size]])
    label, number = (torch.from_numpy(one[:size]) for one in (batches.clips.label[drawn.index], drawn.index))
    columns = [column.to(device) for column in (label, number, recorded)]
    taken: dict[str, list[float]] = defaultdict(list)

    def timed(name: str, work: Callable[[], Result]) -> Result:
        started = now(device)
        result = work()
        taken[name].append(1e3 * (now(device) - started))
        return result

    for _ in range(repeats + repeats // 2):
        sound = timed("sound", lambda: next(iter(batches._sound.read([drawn.start[:size]]))))
        changed = timed("changes of the sound", lambda sound=sound: batches.augmenter.waveform(sound, recorded))
        mel = timed("log-mel", lambda changed=changed: batches.front_end(changed, batches.augmenter.edges()))
        features, mix = timed("changes of the spectrogram", lambda mel=mel: batches.augmenter.features(mel))
        batch = Batch(features, *columns, mix=mix)
        torch.compiler.cudagraph_mark_step_begin()
        losses = timed("forward", lambda batch=batch: learner._model(batch))
        timed("backward", lambda losses=losses: fabric.backward(losses.total))
        timed("optimizer", learner._optimizer.step)
        learner._optimizer.zero_grad()
    return {name: statistics.median(values[repeats // 2 :]) for name, values in taken.items()}


def _kernels(device: torch.device, step: Callable[[], object]) -> tuple[float | None, float | None]:
    """How many kernels and copies a step has, and the milliseconds that they take together."""
    if device.type != "cuda":
        return None, None
    with profile(activities=[ProfilerActivity.CUDA]) as profiled:
        for _ in range(PROFILED):
            step()
        torch.cuda.synchronize(device)
    found = profiled.key_averages()
    rows = [row for row in found if row.device_type.name == "CUDA" and not row.is_user_annotation]
    if not rows:
        raise RuntimeError("the profiler saw no kernel")
    microseconds = sum(row.self_device_time_total for row in rows)
    return sum(row.count for row in rows) / PROFILED, microseconds / 1e3 / PROFILED


def _flops_per_clip(task: Task) -> float:
    """Counted in a forward pass of two clips on the CPU, in training."""
    batches = task.batches
    network: nn.Module = copy.deepcopy(task.objective.network)
    network._compiled_call_impl = None  # of a compiled one the counter would see nothing
    clips = torch.zeros(2, batches.clips.samples, device=batches.device)
    features = batches.front_end(clips).cpu()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.cpu().train()(features)
    return (1 + BACKWARD) * counter.get_total_flops() / len(clips)
