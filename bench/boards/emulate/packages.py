"""Packages for the emulated machine: Debian's and Python's, fetched and unpacked into folders without root.

Each folder is there whole or not at all, so that a set-up that was stopped goes on. Nothing that is installed is
touched: apt keeps its whole state in a folder of its own; where the packages lie is the machine's own configuration.
"""

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from bench.measure import process
from tinyasc.errors import UserError

RUNTIMES = ("ai-edge-litert", "onnxruntime")
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
STAMP = ".made_of.json"
FETCH_SECONDS, UNPACK_SECONDS = 60 * process.MINUTE, 10 * process.MINUTE
TOOLS = ("apt-get", "dpkg-deb")
# What a machine runs after `apt-get update` (Post-Invoke) is about its own lists, not these.
CONFIGURATION = """
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Architectures;
{architecture}
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
Debug::NoLocking "true";
Dir::State "{apt}/state";
Dir::State::status "{status}";
Dir::Cache "{apt}/cache";
Dir::Log "{apt}/log";
"""


def missing_tools() -> list[str]:
    """Which of apt-get and dpkg-deb are not here."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def unpack(packages: Sequence[str], into: Path, architecture: str | None = None) -> None:
    """Unpack packages, and what they depend on, into a folder.

    Args:
        packages: their names.
        into: an existing folder, the root of what is in them.
        architecture: Debian's name of it, for a tree that is complete in itself; None: this machine's, without what
            is installed.

    Raises:
        UserError: no apt here, or its sources do not have the packages.
    """
    if missing := missing_tools():
        raise UserError(
            f"there is no {' and no '.join(missing)} here, and the emulator is made of Debian packages: run this on "
            "Debian or Ubuntu or in a container of one, or copy the emulator's folder from there and install qemu-user"
        )
    apt = into / ".apt"
    for folder in ("state/lists/partial", "cache/archives/partial", "log"):
        (apt / folder).mkdir(parents=True)
    (apt / "state/status").touch()
    declared = f'APT::Architecture "{architecture}";\nAPT::Architectures {{ "{architecture}"; }};'
    installed = Path("/var/lib/dpkg/status")
    (apt / "apt.conf").write_text(
        CONFIGURATION.format(
            apt=apt.absolute(),
            status=installed if architecture is None else (apt / "state/status").absolute(),
            architecture="" if architecture is None else declared,
        )
    )
    updated = _apt(apt, "update")
    fetched = _apt(apt, "install", "--yes", "--download-only", *packages)
    if fetched.returncode != 0:
        raise UserError(_why_not(fetched, updated, architecture))
    for package in sorted((apt / "cache/archives").glob("*.deb")):
        unpacked = process.run(["dpkg-deb", "--extract", package, into], package.name, seconds=UNPACK_SECONDS)
        if unpacked.returncode != 0:
            raise UserError(f"{package.name} cannot be unpacked into {into}: {unpacked.stderr.strip()}")
    shutil.rmtree(apt)


def _apt(apt: Path, *arguments: str) -> CompletedProcess[str]:
    command = ["apt-get", "-c", str(apt / "apt.conf"), *arguments]
    what = f"packages of the emulator ({arguments[0]})"
    return process.run(command, what, seconds=FETCH_SECONDS, environment={**os.environ, "LC_ALL": "C"})


def _why_not(fetched: CompletedProcess[str], updated: CompletedProcess[str], architecture: str | None) -> str:
    complaints = [line for line in updated.stderr.splitlines() if line.startswith(("E:", "W:", "Err:"))]
    refused = [line for line in fetched.stderr.splitlines() if line.startswith("E:")]
    reason = (refused or ["E: no reason given"])[0][3:]
    if architecture is not None and any(words in reason for words in ("Unable to locate", "no installation candidate")):
        lists = f"apt's sources here offer no {architecture} packages"
        if complaints:
            lists += f" ({complaints[0]})"
        return f"{lists}: add a source that has them (Ubuntu keeps them on a ports mirror), or name one in APT_CONFIG"
    return f"apt-get cannot fetch the emulator's packages: {reason}" + (f" ({complaints[0]})" if complaints else "")


def runtimes_here() -> dict[str, str]:
    """Versions of the runtimes that are installed here: answers are compared between equal versions."""
    found = {}
    for package in RUNTIMES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def install(runtimes: Mapping[str, str], python: str, into: Path) -> None:
    """Install runtimes and numpy, built for 64-bit Arm, into a folder.

    Args:
        runtimes: versions by package.
        python: version of the Python that will import them, "3.11".
        into: an existing folder.

    Raises:
        UserError: pip does not find them.
    """
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", str(into)]
    wheels = ["--only-binary=:all:", "--implementation=cp", f"--python-version={python}"]
    wheels += [f"--platform={platform}" for platform in PLATFORMS]
    packages = ["numpy", *(f"{package}=={version}" for package, version in runtimes.items())]
    found = process.run([*pip, *wheels, *packages], "wheels for 64-bit Arm", seconds=FETCH_SECONDS)
    if found.returncode != 0:
        reason = (found.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(f"no wheels of {', '.join(packages)} for 64-bit Arm and Python {python}: {reason}")


def is_whole(part: Path, made_of: dict[str, Any]) -> bool:
    """Whether a part is there and was made of this."""
    stamp = part / STAMP
    return stamp.is_file() and json.loads(stamp.read_text()) == made_of


def make(part: Path, made_of: dict[str, Any], build: Callable[[Path], None]) -> None:
    """Make a part where it is not there, or was made of something else.

    Args:
        part: its folder.
        made_of: what decides what is in it, kept beside it.
        build: fills an empty folder.
    """
    if is_whole(part, made_of):
        return
    temporary, old = part.with_name(part.name + ".tmp"), part.with_name(part.name + ".old")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        build(temporary)
        (temporary / STAMP).write_text(json.dumps(made_of))
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)
    if part.exists():
        part.rename(old)
    temporary.rename(part)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Alone in the folder; waits for whoever else makes parts of it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
