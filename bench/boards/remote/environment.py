"""What a device has, asked of its own Python, and a Python on it that has the runtimes of this machine, in the versions
of this machine where that can be.

In this order: the device's own Python, where it has those versions; a venv with them, which needs the device to reach a
package index; packages fetched here for its processor and copied; whatever runtime the device already has.
"""

import json
import re
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from bench.boards.remote.transport import FailedError, Transport
from bench.measure import process
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
PACKAGE = {".tflite": "ai-edge-litert", ".onnx": "onnxruntime"}
"""What runs a file of this kind."""
FETCH_SECONDS = 60 * process.MINUTE
OLDEST_GLIBC = 17
"""2.17: that of the oldest wheels for 64-bit Arm (manylinux2014)."""
READY = "env/ready"


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


def prepare(
    transport: Transport, device: Device, folder: str, suffixes: Sequence[str], say: Callable[[str], None]
) -> str:
    """Shell words that start a Python with numpy and runtimes, to be said in `folder`.

    Args:
        transport: the way to the device.
        device: what it is.
        folder: of the session, on the device; what is made goes to its `env`.
        suffixes: of the files to be run.
        say: told in one line what was done.

    Raises:
        UserError: there is no way to a runtime.
        LostError: no connection.
    """
    wanted = [PACKAGE[suffix] for suffix in sorted(set(suffixes))]
    pins = {package: metadata.version(package) for package in wanted}
    there = transport.run(f"cat {folder}/{READY} 2>/dev/null || true").strip()
    if there:
        return there
    if "numpy" in device.versions and all(device.versions.get(package) == pin for package, pin in pins.items()):
        say(f"{transport.name} has {_list(pins)} already: nothing is installed")
        return transport.python
    requirements = [f"{package}=={pin}" for package, pin in pins.items()]
    reasons = []
    for way in (_venv, _copied):
        try:
            python, done = way(transport, device, folder, requirements)
        except (FailedError, UserError) as error:
            reasons.append(str(error))
            continue
        say(done)
        transport.run(f"cat > {folder}/{READY}.new && mv {folder}/{READY}.new {folder}/{READY}", python.encode())
        return python
    own = [package for package in RUNTIMES if package in device.versions]
    if "numpy" in device.versions and own:
        say(
            f"{_list({package: device.versions[package] for package in own})} of {transport.name} itself: {reasons[-1]}"
        )
        return transport.python
    raise UserError(f"no runtime for {transport.name} ({'; '.join(reasons)}): install ai-edge-litert there by hand")


def _venv(transport: Transport, device: Device, folder: str, requirements: Sequence[str]) -> tuple[str, str]:
    """A venv whose packages the device fetches itself."""
    python = "env/bin/python"
    try:
        transport.run(f"cd {folder} && rm -rf env && {transport.python} -m venv env >&2")
    except FailedError as error:
        raise UserError("it lacks python3-venv" if "ensurepip" in error.text else f"no venv: {error.said}") from None
    install = f"cd {folder} && {python} -m pip install -q --disable-pip-version-check"

    def installed(packages: Sequence[str]) -> None:
        transport.run(f"{install} {shlex.join(packages)}")

    return python, f"made a venv on {transport.name} with {_as_many_as_can(installed, requirements)}"


def _copied(transport: Transport, device: Device, folder: str, requirements: Sequence[str]) -> tuple[str, str]:
    """Packages that this machine fetches for the device's processor."""
    with tempfile.TemporaryDirectory() as place:
        site = Path(place) / "site"
        install = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", str(site)]
        install += ["--only-binary=:all:", "--implementation=cp"]
        install += [f"--python-version={device.python[0]}.{device.python[1]}"]
        install += [f"--platform={tag}" for tag in _platforms(device)]

        def installed(packages: Sequence[str]) -> None:
            done = process.run([*install, *packages], f"packages for {transport.name}", seconds=FETCH_SECONDS)
            if done.returncode:
                errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
                raise FailedError(done.returncode, "\n".join(errors))

        what = _as_many_as_can(installed, requirements)
        transport.run(f"cd {folder} && rm -rf env && mkdir -p env/site")
        transport.send(site, f"{folder}/env/site")
    python = f"env PYTHONPATH=env/site {transport.python}"
    transport.run(f"cd {folder} && {python} -c 'import numpy'")
    return python, f"fetched here and copied to {transport.name}: {what}"


def _as_many_as_can(installed: Callable[[Sequence[str]], None], requirements: Sequence[str]) -> str:
    """Install all with numpy; where that fails, each: one that is not built for the device leaves the others theirs."""
    got, reason = [], ""
    for several in [requirements, *([one] for one in requirements)]:
        try:
            installed(["numpy", *several])
        except FailedError as error:
            reason = error.said.removeprefix("ERROR: ")
        else:
            got += several
            if several is requirements:
                break
    if not got:
        raise UserError(f"nothing to install: {reason}")
    return ", ".join(got)


def _platforms(device: Device) -> list[str]:
    """The wheels' names for what the device runs: of its glibc and all older ones (PEP 600)."""
    machine = "armv7l" if device.bits == 32 and device.machine.startswith(("arm", "aarch64")) else device.machine
    newest = re.fullmatch(r"glibc 2\.(\d+)", device.libc)
    if newest is None:
        raise UserError(f"no packages for it here (its C library is {device.libc or 'none that wheels are built for'})")
    versions = range(int(newest[1]), OLDEST_GLIBC - 1, -1)
    return [f"manylinux_2_{version}_{machine}" for version in versions] + [f"manylinux2014_{machine}"]


def _list(versions: dict[str, str]) -> str:
    return ", ".join(f"{package} {version}" for package, version in versions.items())
