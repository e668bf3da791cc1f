"""A recipe as its command would get it, and its training as the loop takes it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentParser

from tinyasc import models
from tinyasc.clips import Clips
from train.data.augment import Augmenter
from train.data.loader import Batches
from train.fit.task import Task
from train.targets import objectives

FOLDER = Path(__file__).parents[2] / "train/recipes"


def load(command: Callable[..., object], name: str, *flags: str) -> Any:
    """The arguments that a recipe and flags after it give a command, by name.

    Args:
        command: `train_teacher` or `train_student`.
        name: of a file in train/recipes, without .yaml.
        flags: as on the command line.
    """
    parser = ArgumentParser()
    parser.add_argument("--config", action="config")
    parser.add_function_arguments(command, fail_untyped=True)
    files = ["--config", str(FOLDER / f"{name}.yaml"), "--data", "none.h5", "--out", "none"]
    return parser.instantiate(parser.parse_args([*files, *flags]))


def task(recipe: Any, clips: Clips, device: torch.device, *, channels_last: bool = True, **objective: Any) -> Task:
    """The training of a recipe as its stage hands it to the loop, from new weights.

    Args:
        recipe: from `load`.
        clips: the data set.
        device: where to train.
        channels_last: whether feature maps have their channels last in memory, as stages have it.
        objective: more for `train.targets.objectives.build`.
    """
    torch.manual_seed(recipe.seed)
    network = models.build(recipe.architecture, recipe.model, len(clips.labels))
    layout = torch.channels_last if channels_last else torch.contiguous_format
    network.to(device, memory_format=layout)  # type: ignore[call-overload]
    augmentation = Augmenter(recipe.augmentation, recipe.mel, clips.devices, sample_rate=clips.sample_rate)
    batches = Batches(
        clips, recipe.examples, augmentation, batch_size=recipe.fit.batch_size, seed=recipe.seed, device=device
    )
    return Task(
        objective=objectives.build(network, **objective),
        batches=batches,
        config=recipe.fit,
        partial=Path("none.partial"),
        identity="",
        seed=recipe.seed,
        compiled=recipe.compute.compile,
    )
