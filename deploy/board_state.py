"""What a board says of itself: its cores, and what its clocks, its heat and its firmware do now.

It needs Python 3.9 and Linux, and imports nothing of this project: it is copied to boards beside
`bench.boards.device.runner`. What a machine does not tell is null.
"""

from __future__ import annotations

import os
import resource
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

THROTTLED = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}
"""Bits of `vcgencmd get_throttled`, the same 16 places higher for "since boot" (Raspberry Pi OS documentation)."""

CORE = ("cpu implementer", "cpu architecture", "cpu variant", "cpu part", "cpu revision")
"""What /proc/cpuinfo says of an Arm core; part 0xd03 is a Cortex-A53, 0xd08 an A72, 0xd0b an A76 (Arm's MIDR_EL1)."""
CLOCK = "/sys/devices/system/cpu/cpu0/cpufreq/"


def machine() -> dict[str, Any]:
    """What this machine is."""
    system = os.uname()
    cores: list[dict[str, str]] = []
    others: dict[str, str] = {}
    for line in (_read("/proc/cpuinfo") or "").splitlines():
        key, _, value = line.partition(":")
        key, value = key.strip().lower(), value.strip()
        if key == "processor":
            cores.append({})
        elif key in CORE and cores:
            cores[-1][key[4:]] = value
        elif key:
            others.setdefault(key, value)
    kinds = [kind for number, kind in enumerate(cores) if kind and kind not in cores[:number]]
    memory = (_read("/proc/meminfo") or "").split()
    released = [
        line.partition("=")[2].strip('"')
        for line in (_read("/etc/os-release") or "").splitlines()
        if line.startswith("PRETTY_NAME=")
    ]
    return {
        "board": (_read("/proc/device-tree/model") or "").strip("\0\n ") or None,
        "cpu": others.get("model name") or others.get("hardware"),
        "cores": os.cpu_count(),
        "core_kinds": kinds,
        "features": sorted(set((others.get("features") or others.get("flags") or "").split())),
        "architecture": system.machine,
        "bits": 8 * struct.calcsize("P"),
        "kernel": system.sysname + " " + system.release,
        "system": released[0] if released else None,
        "memory_bytes": 1024 * int(memory[1]) if memory[:1] == ["MemTotal:"] else None,
        "maximum_frequency_hz": _hertz("cpuinfo_max_freq"),
    }


def state(firmware: bool) -> dict[str, Any]:
    """What this machine's clocks do now.

    Args:
        firmware: also ask a Raspberry Pi's firmware, which takes a process.
    """
    zone = _read("/sys/class/thermal/thermal_zone0/temp")
    return {
        "governor": (_read(CLOCK + "scaling_governor") or "").strip() or None,
        "frequency_hz": _hertz("scaling_cur_freq"),
        "temperature_c": int(zone) / 1000 if zone and zone.strip().lstrip("-").isdigit() else None,
        "load": os.getloadavg()[0],
        "throttled": _throttled() if firmware else None,
    }


def _throttled() -> dict[str, Any] | None:
    if shutil.which("vcgencmd") is None:
        return None
    done = subprocess.run(["vcgencmd", "get_throttled"], capture_output=True, text=True, check=False)
    name, _, value = done.stdout.strip().partition("=")
    if name != "throttled":
        return None
    bits = int(value, 16)
    return {
        "bits": value,
        "now": [meaning for bit, meaning in THROTTLED.items() if bits >> bit & 1],
        "since_boot": [meaning for bit, meaning in THROTTLED.items() if bits >> bit + 16 & 1],
    }


def _hertz(name: str) -> int | None:
    value = (_read(CLOCK + name) or "").strip()
    return 1000 * int(value) if value.isdigit() else None


def resident_bytes() -> int:
    """Bytes of this process in memory."""
    pages = (_read("/proc/self/statm") or "0 0").split()[1]
    return int(pages) * resource.getpagesize()


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return None
