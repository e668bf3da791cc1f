"""Debian packages, fetched and unpacked into a folder without root and without touching what is installed.

apt keeps its whole state in a folder of its own; where the packages lie is the machine's own apt configuration.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from subprocess import CompletedProcess

from bench.measure import process
from tinyasc.errors import UserError

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
