"""How busy a GPU is, as its driver says: the share of the last moments in which it had any work, of any process."""

import shutil
import statistics
import subprocess
import threading
from collections.abc import Callable
from types import TracebackType

import torch

PAUSE = 0.1
"""Seconds between looks."""


class Watch:
    """Looks while its block runs."""

    def __init__(self, device: torch.device) -> None:
        """Finds out how to look."""
        self.why_not: str | None = None
        """Why the driver cannot be asked."""
        self._look: Callable[[], float] | None = None
        self._seen: list[float] = []
        self._over = threading.Event()
        try:
            self._look = _way(device)
        except Exception as error:  # NVML, its package and nvidia-smi fail in many ways
            self.why_not = f"{type(error).__name__}: {error}"

    def __enter__(self) -> "Watch":
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    @property
    def percent(self) -> float | None:
        """Mean of the looks; None where there was none."""
        return statistics.mean(self._seen) if self._seen else None

    def _watch(self) -> None:
        while self._look is not None and not self._over.wait(PAUSE):
            try:
                self._seen.append(self._look())
            except Exception as error:
                self.why_not, self._look = f"{type(error).__name__}: {error}", None


def _way(device: torch.device) -> Callable[[], float]:
    """What gives the percentage; tried once."""
    if device.type != "cuda":
        raise RuntimeError(f"the device is {device}")
    ways: list[Callable[[], float]] = [lambda: torch.cuda.utilization(device), lambda: _nvidia_smi(device)]
    reasons = []
    for way in ways:
        try:
            way()
        except Exception as error:
            reasons.append(f"{type(error).__name__}: {error}")
        else:
            return way
    raise RuntimeError("; ".join(reasons))


def _nvidia_smi(device: torch.device) -> float:
    program = shutil.which("nvidia-smi")
    if program is None:
        raise RuntimeError("no nvidia-smi")
    identity = str(torch.cuda.get_device_properties(device).uuid)
    identity = identity if identity.startswith("GPU-") else f"GPU-{identity}"
    command = [program, "-i", identity, "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, timeout=5).stdout)
