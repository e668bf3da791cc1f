"""The machine a figure was measured on: CPU, instructions that decide INT8 speed, clock governor, versions."""

import os
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

FLAGS = ("avx2", "avx_vnni", "avx512_vnni", "amx_int8", "asimd", "asimddp", "i8mm", "sve")
"""CPU features that select INT8 kernels, by the names in /proc/cpuinfo (x86 and Arm)."""
PACKAGES = ("ai-edge-litert", "tflite-runtime", "onnxruntime", "numpy")
CPUINFO = Path("/proc/cpuinfo")
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


@dataclass(frozen=True)
class Machine:
    """What this machine says about itself."""

    cpu: str
    cores: int
    """CPU cores that the operating system shows."""
    flags: list[str]
    """Those of FLAGS that this CPU has."""
    governor: str | None
    """Clock governor of the first core; None where it cannot be read, as in most virtual machines."""
    load: float | None
    """Processes that wanted a core in the last minute, on average; a busy machine blurs latencies."""
    system: str
    versions: dict[str, str]


def describe() -> Machine:
    """This machine, now."""
    fields: dict[str, str] = {}
    if CPUINFO.is_file():
        for line in CPUINFO.read_text().splitlines():
            key, _, value = line.partition(":")
            fields.setdefault(key.strip().lower(), value.strip())
    features = set((fields.get("flags") or fields.get("features") or "").split())
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return Machine(
        cpu=fields.get("model name") or fields.get("model") or platform.processor() or platform.machine(),
        cores=os.cpu_count() or 1,
        flags=[flag for flag in FLAGS if flag in features],
        governor=GOVERNOR.read_text().strip() if GOVERNOR.is_file() else None,
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        versions=versions,
    )
