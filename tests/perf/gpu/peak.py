"""How fast a device multiplies and copies at best."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from tinyasc import machine


@dataclass(frozen=True)
class Peak:
    """Measured with large operands."""

    device: str
    """What it is, and what computes on it."""
    bfloat16: float
    """Arithmetic of a product of two square matrices, TFLOP/s."""
    float32: float
    """The same; on a GPU with TF32, as training has it."""
    copy: float
    """Bytes read and written, GB/s."""


def peak(device: str) -> Peak:
    """Median of ten of each."""
    where = torch.device(device)
    size = 8192 if where.type == "cuda" else 512
    torch.set_float32_matmul_precision("high")
    rates = {}
    for kind in (torch.bfloat16, torch.float32):
        left, right = (torch.randn(size, size, device=where, dtype=kind) for _ in range(2))
        rates[kind] = 2 * size**3 / _seconds(where, lambda left=left, right=right: left @ right) / 1e12
    values = torch.randn(4 * size * size, device=where)  # 1 GiB: waiting for the copy does not count
    copied = 8 * len(values) / _seconds(where, values.clone) / 1e9
    return Peak(_name(where), rates[torch.bfloat16], rates[torch.float32], copied)


def now(device: torch.device) -> float:
    """The time when all that was asked of the device is done, s."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _name(device: torch.device) -> str:
    if device.type != "cuda":
        return f"{machine.describe().cpu}, torch {torch.__version__}"
    found = torch.cuda.get_device_properties(device)
    versions = f"torch {torch.__version__}, CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
    return f"{found.name}, {found.total_memory / 1e9:.0f} GB, {versions}; {machine.describe().cpu}"


def _seconds(device: torch.device, work: Callable[[], object]) -> float:
    taken = []
    for _ in range(13):
        started = now(device)
        work()
        taken.append(now(device) - started)
    return statistics.median(taken[3:])
