"""Tensors from the CPU to the device that trains, which does not stop for them."""

import torch
from torch import Tensor


def send(values: Tensor, device: torch.device) -> Tensor:
    """`values` on `device`, without waiting for the work that is queued there: a GPU fetches from pinned memory."""
    if device.type == "cuda" and values.device.type == "cpu":
        values = values.pin_memory()
    return values.to(device, non_blocking=True)
