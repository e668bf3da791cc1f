"""The same seed gives the same weights, bit for bit, on one kind of CPU with one number of threads."""

import os

import torch

from tinyasc.errors import UserError
from tinyasc.first_calls import warm_up

DEVICES = ("auto", "cpu", "cuda")


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
