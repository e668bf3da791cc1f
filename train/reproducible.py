"""The same seed gives the same weights, bit for bit, on one kind of CPU with one number of threads."""

import os

import torch

from tinyasc.errors import UserError

DEVICES = ("auto", "cpu", "cuda")


def settle(device: str, threads: int) -> torch.device:
    """Choose where to compute and make torch repeatable there. Call once, before any work.

    Args:
        device: "auto" (a CUDA device if there is one), "cpu" or "cuda".
        threads: CPU threads of torch; the last bits of sums depend on it, so it is part of a recipe.

    Raises:
        UserError: an unknown device, no thread, or CUDA was asked for and is not there.
    """
    if device not in DEVICES:
        raise UserError(f"device is {device!r}: choose from {', '.join(DEVICES)}")
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
    _warm_up()
    return torch.device("cuda" if on_cuda else "cpu")


def _warm_up() -> None:
    """Call once what a process may get wrong in the last bits at its first call (pytorch issue 188792)."""
    one = torch.ones(1)
    for function in (torch.log, torch.exp, torch.sqrt, torch.cos, torch.sin, torch.tanh):
        function(one)
