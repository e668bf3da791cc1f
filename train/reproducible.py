"""The same seed gives the same weights, bit for bit, on one kind of CPU with one number of threads."""

import os
from dataclasses import dataclass
from typing import Literal

import torch

from tinyasc.errors import UserError
from tinyasc.first_calls import warm_up

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class ComputeConfig:
    """What computes, and how."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: CUDA devices if there are any."""
    devices: int = 1
    """Devices of each machine that share every step's clips; on the CPU: processes."""
    nodes: int = 1
    """Machines; with more than one, start the same command on each under SLURM or torchrun."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """What the network's products are computed in; weights and their sums stay float32. float16 needs CUDA."""
    compile: bool = False
    """Compile the network first (torch.compile, on CUDA with CUDA graphs): minutes at the start, faster steps after."""
    threads: int = 2
    """CPU threads of each process; the last bits of sums depend on it."""
    deterministic: bool = True
    """The same seed gives the same bits: always on a CPU, on CUDA as far as there are such functions. False on CUDA:
    the fastest functions."""


def settle(device: str, threads: int, seed: int = 0) -> torch.device:
    """Choose where to compute and make torch repeatable there. Call once, before any work.

    Args:
        device: "auto" (a CUDA device if there is one), "cpu" or "cuda".
        threads: CPU threads of torch; the last bits of sums depend on it, so it is part of a recipe.
        seed: what the command will draw from.

    Raises:
        UserError: an unknown device, no thread, a seed below zero, or CUDA was asked for and is not there.
    """
    if device not in DEVICES:
        raise UserError(f"device is {device!r}: choose from {', '.join(DEVICES)}")
    if seed < 0:
        raise UserError(f"seed is {seed}: take 0 or more")
    if threads < 1:
        raise UserError(f"threads is {threads}: take 1 or more")
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("device is cuda, but torch finds no CUDA device: take --device auto")
    on_cuda = device != "cpu" and torch.cuda.is_available()
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("high" if on_cuda else "highest")  # TF32: three times the speed
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=on_cuda)
    # Filling memory that nothing reads costs an eighth of the time. (A property of the module: types do not know it.)
    setattr(torch.utils.deterministic, "fill_uninitialized_memory", False)  # noqa: B010
    warm_up()
    return torch.device("cuda" if on_cuda else "cpu")
