"""Set up what computes: the device, its precision, threads and processes, and results that repeat.

The same seed gives the same weights, bit for bit, on one kind of CPU with one number of threads and of processes.
"""

import ctypes
import logging
import os
import sys
import warnings
from dataclasses import dataclass
from functools import partialmethod
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision
from tqdm import tqdm

from tinyasc.errors import UserError
from tinyasc.mel_torch import warm_up

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Names of malloc.h (mallopt(3))."""


@dataclass(frozen=True)
class ComputeConfig:
    """What computes, and how."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: CUDA devices if there are any."""
    devices: int = 1
    """Devices of each machine that share every step's clips; on the CPU: processes."""
    nodes: int = 1
    """Machines; with more than one, start the same command on each under SLURM or torchrun, on a disk they share."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """What the network's products are computed in; weights and their sums stay float32. float16 needs CUDA."""
    compile: bool = False
    """Compile the network first (torch.compile, on CUDA with CUDA graphs): minutes at the start, faster steps after."""
    threads: int = 2
    """CPU threads of each process; the last bits of sums depend on it."""
    deterministic: bool = True
    """The same seed gives the same bits: always on a CPU, on CUDA as far as there are such functions. False on CUDA:
    the fastest functions."""

    def __post_init__(self) -> None:
        choices = {"device": ("auto", "cpu", "cuda"), "precision": ("float32", "bfloat16", "float16")}
        for name, known in choices.items():
            if (value := getattr(self, name)) not in known:
                raise UserError(f"compute: {name} is {value!r}: choose from {', '.join(known)}")
        for name in ("devices", "nodes", "threads"):
            if (value := getattr(self, name)) < 1:
                raise UserError(f"compute: {name} is {value}: take 1 or more")

    @property
    def processes(self) -> int:
        """How many train together."""
        return self.devices * self.nodes


class _Autocast(MixedPrecision):
    """Lower precision where products are; what else a batch holds (shares of a mix, sound) keeps its own."""

    def convert_input(self, data: Any) -> Any:
        return data


def setup_fabric(compute: ComputeConfig, seed: int = 0) -> Fabric:
    """Choose where to compute and make torch repeatable there. Call once, before any work.

    Returns:
        Fabric, whose `device` holds from now on; further processes start later (`launch`).

    Raises:
        UserError: a seed out of range, or there are no such devices.
    """
    if not 0 <= seed < 2**32:
        raise UserError(f"seed is {seed}: take 0 to {2**32 - 1}")
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if compute.device == "cuda" and not found:
        raise UserError("compute: device is cuda, but torch finds no CUDA device: take device auto")
    on_cuda = compute.device != "cpu" and found > 0
    if on_cuda and compute.devices > found:
        raise UserError(f"compute: devices is {compute.devices}, but torch finds {found} CUDA devices")
    if compute.precision == "float16" and not on_cuda:
        raise UserError("compute: float16 needs a CUDA device: take precision bfloat16 or float32")
    torch.set_num_threads(compute.threads)
    torch.set_float32_matmul_precision("high" if on_cuda else "highest")  # TF32: three times the speed
    torch.backends.cudnn.benchmark = not compute.deterministic
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(compute.deterministic or not on_cuda, warn_only=on_cuda)
    # Filling memory that nothing reads costs an eighth of the time. (A property of the module: types do not know it.)
    setattr(torch.utils.deterministic, "fill_uninitialized_memory", False)  # noqa: B010
    keep_freed_memory()
    warm_up()
    name = "cuda" if on_cuda else "cpu"
    mixed = {"bfloat16": "bf16-mixed", "float16": "16-mixed"}.get(compute.precision)
    return Fabric(
        accelerator=name,
        devices=compute.devices,
        num_nodes=compute.nodes,
        strategy="ddp" if compute.processes > 1 else "auto",
        plugins=None if mixed is None else _Autocast(mixed, name),  # type: ignore[arg-type]
    )


def keep_freed_memory() -> None:
    """Ask the C library to give no memory back to the system while this process lives; call once, before any work.

    glibc takes large blocks from the system and returns them as soon as they are free; when they are taken again, the
    system fills them with zeros, page by page. At 256 clips a step that was a third of the time of CP-Mobile's training
    on a CPU. Results do not change. Other C libraries are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, -1)


def launch(fabric: Fabric) -> None:
    """Start the other processes of a training run, if there are to be any, and keep all but the first one quiet.

    They run the same command from its beginning to this line: what is wrong with it has been said before, once.
    """
    threads = torch.get_num_threads()
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it tells of every process
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")  # of a few small gradients
    fabric.launch()
    torch.set_num_threads(threads)  # Fabric shares the processor's cores out, and a recipe has its own number
    if not fabric.is_global_zero:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        tqdm.__init__ = partialmethod(tqdm.__init__, disable=True)  # type: ignore[method-assign]
