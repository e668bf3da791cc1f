"""A Python on the device that has the runtimes of this machine, in the versions of this machine where that can be.

In this order: the device's own Python, where it has those versions; a venv with them, which needs the device to reach a
package index; packages fetched here for its processor and copied; whatever runtime the device already has.
"""

import re
import shlex
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

from bench.boards.remote.probe import RUNTIMES, Device
from bench.boards.remote.transport import FailedError, Transport
from bench.measure import process
from tinyasc.errors import UserError

PACKAGE = {".tflite": "ai-edge-litert", ".onnx": "onnxruntime"}
"""What runs a file of this kind."""
FETCH_SECONDS = 60 * process.MINUTE
OLDEST_GLIBC = 17
"""2.17: that of the oldest wheels for 64-bit Arm (manylinux2014)."""
READY = "env/ready"


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
