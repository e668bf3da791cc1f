"""The training loop of every stage: epochs of steps, a checkpoint after each, and the way back from it.

After every epoch the whole state lies in `OUT.partial/checkpoint.pt`; the same command goes on from there and ends with
the weights that an uninterrupted run would have. That works because nothing is random across epochs: each one draws its
order and its augmentation from (seed, epoch) alone.
"""

import csv
import io
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from tqdm import tqdm

from tinyasc import artifact
from tinyasc.errors import UserError
from train.loader import Batch, Batches
from train.schedule import Phase, check, factor


@dataclass(frozen=True)
class FitConfig:
    """Length and pace of a training run."""

    epochs: int
    """Passes over the training clips."""
    batch_size: int
    """Clips a step, over all devices and all accumulated parts. CP-Mobile: 256, PaSST: 80."""
    learning_rate: float
    """Highest learning rate."""
    weight_decay: float
    """Of adam and sgd an L2 penalty; of adamw apart from the gradient (Loshchilov and Hutter, 2019)."""
    schedule: list[Phase]
    """Course of the learning rate."""
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    """sgd is with Nesterov's momentum 0.9. CP-Mobile and CP-JKU's PaSST: adam; DCASE's 2024 baseline: adamw."""
    accumulate: int = 1
    """Parts that a step's clips go through the network in, one after the other, to take less memory."""
    clip_norm: float = 0.0
    """Longest gradient, the norm over all parameters; longer ones are shortened. 0: any length."""
    average: float = 0.0
    """Decay a step of the moving average of the weights that is kept and scored in their place, e.g. 0.999; 0: none."""
    keep: Literal["last", "best"] = "last"
    """Whose epoch's weights the run is: the last one's, or those with the best macro accuracy on the validation clips
    (examples.validation)."""
    checkpoint_minutes: float = 10.0
    """Longest work that a power cut may cost, minutes; there is a checkpoint at every epoch's end, too."""

    def __post_init__(self) -> None:
        check(self.schedule)
        if self.epochs < 1 or self.batch_size < 1 or self.learning_rate <= 0 or self.weight_decay < 0:
            raise UserError("epochs, batch_size and learning_rate must be above zero, weight_decay not below")
        if self.accumulate < 1:
            raise UserError(f"accumulate is {self.accumulate}: take 1 (a step's clips at once) or more parts")
        if not 0 <= self.clip_norm < math.inf:
            raise UserError(f"clip_norm is {self.clip_norm}: take a length above zero, or 0 for none")
        if not 0 <= self.average < 1:
            raise UserError(f"average is {self.average}: take a decay below 1, e.g. 0.999, or 0 for none")
        if self.checkpoint_minutes <= 0:
            raise UserError(f"checkpoint_minutes is {self.checkpoint_minutes}: take more than zero minutes")


def fit(
    model: nn.Module,
    batches: Batches,
    loss: Callable[[nn.Module, Batch], Tensor],
    config: FitConfig,
    *,
    partial: Path,
    identity: str,
    seed: int,
    before_epoch: Callable[[int], None] | None = None,
) -> list[dict[str, float]]:
    """Train `model` in place.

    Args:
        model: on the device of the batches.
        batches: the training clips.
        loss: of one batch, a scalar; what it draws, it draws from torch's random state.
        config: length and pace.
        partial: folder of the checkpoint and of metrics.csv while training goes on (`partial_of`).
        identity: everything that the result depends on, as text; a checkpoint of another identity is not continued.
        seed: of every random draw.
        before_epoch: called with the epoch's number after the model was set to training, e.g. to freeze parts of it.

    Returns:
        One row per epoch: epoch, loss, learning_rate, clips_per_second.

    Raises:
        UserError: the loss is not finite.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    checkpoint = partial / "checkpoint.pt"
    history = _resume(checkpoint, identity, model, optimizer)
    steps = len(batches)
    bar = tqdm(total=config.epochs * steps, initial=len(history) * steps, unit="step")
    try:
        for epoch in range(len(history), config.epochs):
            torch.manual_seed(seed * 1_000_003 + epoch)
            model.train()
            if before_epoch is not None:
                before_epoch(epoch)
            bar.set_description(f"epoch {epoch + 1}/{config.epochs}")
            history.append(_epoch(epoch, model, batches, loss=loss, config=config, optimizer=optimizer, bar=bar))
            bar.set_postfix(loss=f"{history[-1]['loss']:.4f}")
            _save(checkpoint, identity, model, optimizer, history)
    except KeyboardInterrupt:
        tqdm.write(f"stopped: the same command goes on after epoch {len(history)}")
        raise
    finally:
        bar.close()
    return history


def _epoch(
    epoch: int,
    model: nn.Module,
    batches: Batches,
    *,
    loss: Callable[[nn.Module, Batch], Tensor],
    config: FitConfig,
    optimizer: torch.optim.Optimizer,
    bar: tqdm,
) -> dict[str, float]:
    """One pass over the clips; its row of the history."""
    started, total, rate, steps = time.perf_counter(), torch.zeros((), device=batches.device), 0.0, len(batches)
    for step, batch in enumerate(batches.epoch(epoch)):
        rate = config.learning_rate * factor(config.schedule, epoch + step / steps, steps, config.epochs)
        for group in optimizer.param_groups:
            group["lr"] = rate
        value = loss(model, batch)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        total += value.detach() * len(batch.label)
        bar.update()
    mean = float(total) / len(batches.slicing)
    if not math.isfinite(mean):
        raise UserError(f"the loss became {mean} in epoch {epoch + 1}: lower --fit.learning_rate")
    speed = len(batches.slicing) / (time.perf_counter() - started)
    return {"epoch": epoch + 1, "loss": mean, "learning_rate": rate, "clips_per_second": round(speed, 1)}


def partial_of(out: Path) -> Path:
    """Folder of an unfinished run: `OUT.partial`."""
    return out.with_name(out.name + ".partial")


def write_history(path: Path, history: list[dict[str, float]]) -> None:
    """Rows of `fit` as CSV with a header."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, history[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    artifact.atomic_write(path, text.getvalue().encode())


def _save(
    path: Path, identity: str, model: nn.Module, optimizer: torch.optim.Optimizer, history: list[dict[str, float]]
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    state: dict[str, Any] = {
        "identity": identity,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": history,
    }
    content = io.BytesIO()
    torch.save(state, content)
    artifact.atomic_write(path, content.getvalue())
    write_history(path.with_name("metrics.csv"), history)


def _resume(path: Path, identity: str, model: nn.Module, optimizer: torch.optim.Optimizer) -> list[dict[str, float]]:
    if not path.is_file():
        return []
    state = torch.load(path, map_location="cpu", weights_only=True)
    if state["identity"] != identity:
        tqdm.write(f"{path} is of another recipe, data set or parent: starting over")
        return []
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    tqdm.write(f"going on after epoch {len(state['history'])} from {path}")
    return state["history"]
