"""What a device is and has, asked of its Python before anything is put there."""

import json
import time
from dataclasses import dataclass

from bench.boards.remote.transport import FailedError, Transport
from tinyasc.errors import UserError

LEAST_PYTHON = (3, 9)
RUNTIMES = ("ai-edge-litert", "tflite-runtime", "onnxruntime")
# For any Python 3: an old one is to be told so, not to fail with a syntax error.
QUESTIONS = """
import json, os, shutil, struct, sys, time
try:
    from importlib import metadata
    versions = {}
    for package in ("ai-edge-litert", "tflite-runtime", "onnxruntime", "numpy"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            pass
except ImportError:
    versions = {}
try:
    libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
except (ValueError, OSError):
    libc = ""
print(json.dumps({
    "machine": os.uname()[4], "bits": 8 * struct.calcsize("P"), "python": list(sys.version_info[:3]), "libc": libc,
    "versions": versions, "free_bytes": shutil.disk_usage(".").free, "cores": os.cpu_count(), "now": time.time(),
}))
"""


@dataclass(frozen=True)
class Device:
    """What it said."""

    machine: str
    """As uname gives it: aarch64, armv7l, armv6l, x86_64."""
    bits: int
    """Of its Python: 32 on a 32-bit system, whatever the kernel."""
    python: tuple[int, int, int]
    libc: str
    """For example "glibc 2.36"; empty where it is another one."""
    versions: dict[str, str]
    """Packages that its own Python has, of RUNTIMES and numpy."""
    free_bytes: int
    cores: int | None
    clock_offset_seconds: float
    """This machine's time of day minus the device's, within the time the question took."""


def ask(transport: Transport) -> Device:
    """Ask a device.

    Raises:
        UserError: it cannot run the runner: no Python, one too old, or a processor without a runtime (ARMv6).
        LostError: no connection.
    """
    before = time.time()
    try:
        answer = json.loads(transport.run(f"{transport.python} -", QUESTIONS.encode()))
    except FailedError as error:
        if error.code in (126, 127):  # not executable, not found (POSIX shell)
            raise UserError(f"no {transport.python} on {transport.name}: sudo apt install python3") from None
        raise UserError(f"the Python of {transport.name} does not run: {error.said}") from None
    except ValueError:
        raise UserError(
            f"{transport.name} answers with other words than asked for: does its login print any?"
        ) from None
    offset = (before + time.time()) / 2 - answer.pop("now")
    device = Device(**{**answer, "python": tuple(answer["python"])}, clock_offset_seconds=offset)
    if device.machine.startswith("armv6"):
        raise UserError(f"{transport.name} is an ARMv6 (Pi Zero, Pi 1): no runtime is built for it, take a Pi Zero 2")
    if device.python < LEAST_PYTHON:
        found, least = (".".join(map(str, version[:2])) for version in (device.python, LEAST_PYTHON))
        raise UserError(f"{transport.name} has Python {found}: the runner needs {least}, so a newer system")
    return device


def warnings(device: Device) -> list[str]:
    """What the reader of its result must know."""
    if device.bits == 64:
        return []
    return [
        f"A 32-bit system on {device.machine}: its kernels are others than those of a 64-bit one, and slower; "
        "current runtimes are built for 64 bits alone."
    ]
