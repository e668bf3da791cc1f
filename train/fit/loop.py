"""Epochs of steps: training from its beginning, or from the checkpoint of a run that was stopped anywhere, to its end.

A checkpoint lies in `OUT.partial` after every epoch and every few minutes. It holds all that the rest of the run
depends on: weights, optimiser, average, the random state of every process, the place in the epoch and what was seen of
it. So the same command goes on there, and on a CPU ends with the same weights, bit for bit, as a run that was never
stopped.

Fabric brings devices, processes and precision to a loop that stays here to be read; Lightning's Trainer would hide it
behind callbacks. Accelerate starts further processes only through a command of its own; Fabric starts them from the
same command line, on one machine and, under SLURM or torchrun, on several.
"""

import math
import time
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from lightning_fabric import Fabric
from torch import Tensor
from tqdm import tqdm

from tinyasc.errors import UserError
from train.fit.checkpoint import Checkpoints, random_state, set_random_state
from train.fit.history import CURVES, Board, Row, draw_curves, write_history, write_recipe
from train.fit.monitor import Meter, Stop, gather
from train.fit.task import Task

LOOK = 20
"""Steps after which a GPU is waited for, and processes agree whether to go on."""
NAMED = 3
"""Clips that are named of a step after which something is not finite."""


@dataclass(frozen=True)
class Fitted:
    """What training left."""

    history: list[Row]
    """One row an epoch."""
    weights: dict[str, dict[str, Tensor]]
    """States of the network, on the CPU: that of the last epoch, and with validation that of the best."""


def fit(fabric: Fabric, task: Task) -> Fitted | None:
    """Train, from the beginning or from where the run of this task was stopped; `fabric` is launched.

    Returns:
        What the first process has in the end; None in the others.

    Raises:
        UserError: the loss, the weights or the validation's score are not finite, or the checkpoint there is not of
            this task.
        KeyboardInterrupt: stopped by Ctrl-C or SIGTERM, after a checkpoint.
    """
    try:
        course = _Course(fabric, task)
        task.batches.prepare()
        with Stop() as stop, course.progress() as progress:
            while course.epoch < task.config.epochs:
                course.train_epoch(stop, progress)
                course.finish_epoch(stop)
    except (UserError, KeyboardInterrupt):
        if not fabric.is_global_zero:  # all processes come to the same end, and the first one says why
            raise SystemExit(0) from None
        raise
    return course.result() if fabric.is_global_zero else None


class _Course:
    """A run on its way: where it is, and what it has seen."""

    def __init__(self, fabric: Fabric, task: Task) -> None:
        self.fabric, self.task = fabric, task
        self.learner = task.learner(fabric)
        self.checkpoints, self._board = Checkpoints(task.partial), Board(task.partial)
        self.history: list[Row] = []
        self.best: dict[str, Any] | None = None
        self.epoch, self.step = 0, 0
        self.meter, self.seconds = Meter(), 0.0  # of the steps of this epoch
        self._random: dict[str, Tensor] | None = None  # to go on with, amid an epoch
        if (state := self.checkpoints.load()) is not None:
            self._load(state)
        self._saved = time.monotonic()

    def progress(self) -> tqdm:
        """A bar over all clips of the run; the time left goes by the mean speed since it went on."""
        clips = self.task.batches.clips_per_epoch
        done = self.epoch * clips + self.step * self.task.batches.batch_size
        return tqdm(
            total=self.task.config.epochs * clips,
            initial=done,
            smoothing=0,
            unit=" clips",
            bar_format="{desc} {percentage:3.0f}%|{bar:20}| {elapsed}<{remaining}, {rate_fmt}{postfix}",
            disable=not self.fabric.is_global_zero,
        )

    def train_epoch(self, stop: Stop, progress: tqdm) -> None:
        """Take the steps of the epoch that are left; raises as `fit`."""
        task, batches, rank = self.task, self.task.batches, self.fabric.global_rank
        torch.manual_seed(task.seed * 1_000_003 + self.epoch + 1_000_000_007 * rank)
        if self._random is not None:
            set_random_state(self._random, self.fabric.device)
            self._random = None
        task.objective.train()
        task.before_epoch(self.epoch)
        progress.set_description(f"epoch {self.epoch + 1}/{task.config.epochs}", refresh=False)
        started = time.perf_counter() - self.seconds
        parts = batches.epoch(self.epoch, self.step)
        while self.step < len(batches):
            rate = task.set_place(self.epoch, self.step)
            clips = self.learner.step(parts, rate, lambda losses, batch: self.meter.add(self.step, losses, batch))
            self.step += 1
            progress.update(clips * self.fabric.world_size)
            self.seconds = time.perf_counter() - started
            self._look(stop, progress, rate)
        self.seconds = time.perf_counter() - started  # a GPU was waited for

    def _look(self, stop: Stop, progress: tqdm, rate: float) -> None:
        """Look at the loss, save and stop: at once where nobody has to be waited for, else every LOOK steps."""
        alone, last = self.fabric.world_size == 1, self.step == len(self.task.batches)
        due = time.monotonic() - self._saved > 60 * self.task.config.checkpoint_minutes
        at_once = alone and (self.fabric.device.type == "cpu" or stop.asked or due)
        if not (at_once or last or self.step % LOOK == 0):
            return
        found = gather(self.fabric, (self.meter.read(), stop.asked, due))
        if wrong := [step for step, _, _ in found if step is not None]:
            self._refuse("the loss is", min(wrong))
        means = self.meter.means()
        text = f"loss {means['loss']:.4f}, accuracy {means['accuracy']:.1%}, rate {rate:.2e}"
        progress.set_postfix_str(text, refresh=False)
        stopped = any(asked for _, asked, _ in found)
        saved = stopped or found[0][2]
        # A loss is of the weights before its step: what the last one made of them, no loss has seen when they are kept.
        if (last or saved) and not all(gather(self.fabric, self.learner.finite())):
            self._refuse("the weights are", self.step - 1)
        if last:  # what follows is done at the end of the epoch
            return
        if saved:
            self._save(random_state(self.fabric.device))
        if stopped:
            self._interrupt()

    def finish_epoch(self, stop: Stop) -> None:
        """Score the weights of the epoch, add its row to the history, save a checkpoint; raises as `fit`."""
        meter = Meter.of(*gather(self.fabric, self.meter.state()))
        row: Row = {
            "epoch": self.epoch + 1,
            **meter.means(),
            "learning_rate": self.task.set_place(self.epoch, len(self.task.batches) - 1),
            "clips_per_second": round(meter.clips / self.seconds, 1),
            "seconds": round(self.seconds, 1),
        }
        if self.task.validate is not None and self.fabric.is_global_zero:
            with torch.compiler.set_stance("force_eager"):  # nothing is compiled anew for the few batches of a score
                row |= self.task.validate(self.learner.network)
        if not all(gather(self.fabric, all(map(math.isfinite, row.values())))):
            self._refuse("the score on the validation clips is", self.step - 1)
        if self.task.validate is not None and self.fabric.is_global_zero:
            self._choose(row)
        self.history.append(row)
        self.epoch, self.step, self.meter, self.seconds = self.epoch + 1, 0, Meter(), 0.0
        self._save(None)
        if self.fabric.is_global_zero:
            write_history(self.task.partial, self.history)
            write_recipe(self.task.partial)
            if self.task.config.tensorboard:
                self._board.add(row)
        if any(gather(self.fabric, stop.asked)):
            self._interrupt()

    def _choose(self, row: Row) -> None:
        """Keep the weights if they score best so far: by macro accuracy, then by log loss."""
        place = [row["validation_accuracy"], -row["validation_log_loss"]]
        if self.best is None or place > self.best["place"]:
            self.best = {"place": place, "weights": self.learner.weights()}

    def result(self) -> Fitted:
        """What is left in the end."""
        best = {} if self.best is None else {"best": self.best["weights"]}
        return Fitted(self.history, {"last": self.learner.weights(), **best})

    def _save(self, random: dict[str, Tensor] | None) -> None:
        """Write a checkpoint; amid an epoch with the random state."""
        seen = gather(self.fabric, {"random": random, "meter": self.meter.state()})
        if self.fabric.is_global_zero:
            state = {"identity": self.task.identity, "epoch": self.epoch, "step": self.step, "seconds": self.seconds}
            state |= {"processes": seen, "history": self.history, "best": self.best}
            self.checkpoints.save(state | {"learner": self.learner.state()})
        self._saved = time.monotonic()

    def _load(self, state: dict[str, Any]) -> None:
        if state["identity"] != self.task.identity:
            raise UserError(
                f"{self.task.partial} is of another recipe, data set, parent or version of torch: "
                "give the command that began it, or remove that folder to start over"
            )
        self.learner.load_state(state["learner"])
        self.epoch, self.step, self.seconds = state["epoch"], state["step"], state["seconds"]
        self.history, self.best = state["history"], state["best"]
        seen = state["processes"][self.fabric.global_rank]
        self.meter, self._random = Meter.of(seen["meter"]), seen["random"]
        tqdm.write(f"going on {self._place()} from {self.checkpoints.folder}")

    def _place(self) -> str:
        if not self.step:
            return f"after epoch {self.epoch}"
        return f"in epoch {self.epoch + 1} after step {self.step} of {len(self.task.batches)}"

    def _interrupt(self) -> NoReturn:
        """End here, after a checkpoint."""
        if self.fabric.is_global_zero:
            draw_curves({self.task.partial.stem: self.history}, self.task.partial / CURVES)
        tqdm.write(f"stopped {self._place()}: the same command goes on from there")
        raise KeyboardInterrupt

    def _refuse(self, what: str, step: int) -> NoReturn:
        """End because something is not finite with or after a step; no checkpoint is written any more."""
        batches = self.task.batches
        files = list(dict.fromkeys(batches.clips.files[clip] for clip in batches.step_clips(self.epoch, step)))
        more = f" and {len(files) - NAMED} more" if len(files) > NAMED else ""
        partial = self.task.partial
        kept = f"; the checkpoint before is kept in {partial}: with a new recipe remove {partial} or give another --out"
        raise UserError(
            f"{what} not finite in epoch {self.epoch + 1}, step {step + 1} of {len(batches)}, of "
            f"{', '.join(files[:NAMED])}{more}: lower --fit.learning_rate, or look at these clips"
            + (kept if self.checkpoints.begun else "")
        )
