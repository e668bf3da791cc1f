"""What the processes of a run tell one another, and the random state of each."""

from typing import Any, TypeVar

import torch
from lightning_fabric import Fabric
from torch import Tensor

Value = TypeVar("Value")


def gather(fabric: Fabric, value: Value) -> list[Value]:
    """What each process has, in their order; all of them have to ask."""
    if fabric.world_size == 1:
        return [value]
    values: list[Any] = [None] * fabric.world_size
    torch.distributed.all_gather_object(values, value)
    return values


def random_state(device: torch.device) -> dict[str, Tensor]:
    """Of torch, on the CPU and on the GPU that this process has."""
    state = {"cpu": torch.get_rng_state()}
    return state | {"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else state


def set_random_state(state: dict[str, Tensor], device: torch.device) -> None:
    """Go on with a `random_state`."""
    torch.set_rng_state(state["cpu"])
    if "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
