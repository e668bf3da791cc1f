"""The machine a figure was measured on: CPU, instructions that decide INT8 speed, clock, cores, versions."""

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
FREQUENCY = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq")
"""kHz."""


@dataclass(frozen=True)
class Machine:
    """What this machine says about itself."""

    cpu: str
    cores: int
    """CPU cores that the operating system shows."""
    usable_cores: int
    """Those of them that this process may run on."""
    flags: list[str]
    """Those of FLAGS that this CPU has."""
    governor: str | None
    """Clock governor of the first core; None where it cannot be read, as in most virtual machines."""
    frequency: float | None
    """Clock of the first core at this moment, MHz; a virtual machine says what it was promised."""
    virtual: bool | None
    """Whether the CPU says that it is a virtual machine's; None where it does not say, as on Arm."""
    load: float | None
    """Processes that wanted a core in the last minute, on average; a busy machine blurs latencies."""
    system: str
    """Operating system, kernel and instruction set."""
    versions: dict[str, str]


def usable_cores() -> int:
    """Cores that this process may run on: those of its affinity, where the system has one."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
        usable_cores=usable_cores(),
        flags=[flag for flag in FLAGS if flag in features],
        governor=GOVERNOR.read_text().strip() if GOVERNOR.is_file() else None,
        frequency=_frequency(fields),
        virtual="hypervisor" in features if "flags" in fields else None,
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        versions=versions,
    )


def _frequency(fields: dict[str, str]) -> float | None:
    if FREQUENCY.is_file():
        return int(FREQUENCY.read_text()) / 1e3
    return float(fields["cpu mhz"]) if "cpu mhz" in fields else None
