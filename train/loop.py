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
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from tinyasc import artifact
from tinyasc.errors import UserError
from train.loader import Batch, Batches
from train.schedule import ScheduleConfig, factor


@dataclass(frozen=True)
class FitConfig:
    """Length and pace of a training run (Adam)."""

    epochs: int
    """Passes over the training clips."""
    batch_size: int
    """Clips a step."""
    learning_rate: float
    """Highest learning rate."""
    weight_decay: float
    """Adam's L2 penalty."""
    schedule: ScheduleConfig
    """Course of the learning rate."""

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1 or self.learning_rate <= 0 or self.weight_decay < 0:
            raise UserError("epochs, batch_size and learning_rate must be above zero, weight_decay not below")


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
        rate = config.learning_rate * factor(epoch + step / steps, config.schedule)
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
