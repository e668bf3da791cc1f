"""The emulator program itself: the machine's own, or one that is fetched."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from bench.boards.emulate import packages
from bench.measure import process
from tinyasc.errors import UserError

PROGRAM = "qemu-aarch64"
STATIC = "qemu-aarch64-static"
"""Debian's name of the one without shared libraries."""


@dataclass(frozen=True)
class Qemu:
    """A qemu-aarch64 that runs here."""

    program: Path
    libraries: Path | None
    """Where it finds its shared libraries; None: where the system keeps them."""
    version: str
    takes_plugins: bool

    def environment(self) -> dict[str, str]:
        """Variables that it needs."""
        return {} if self.libraries is None else {"LD_LIBRARY_PATH": str(self.libraries)}


def find(part: Path) -> Qemu:
    """The system's qemu-aarch64 if it takes plugins, else one of the distribution's package, else the system's.

    Args:
        part: folder of the one that is fetched.

    Raises:
        UserError: there is none and none can be fetched, or it does not start.
    """
    found = shutil.which(PROGRAM) or shutil.which(STATIC)
    installed = None if found is None else _ask(Path(found), None)
    if installed is not None and (installed.takes_plugins or packages.missing_tools()):
        return installed
    try:
        packages.make(part, {"package": "qemu-user"}, lambda folder: packages.unpack(["qemu-user"], folder))
    except UserError:
        if installed is None:
            raise
    program = part / "usr/bin" / PROGRAM
    if installed is not None and not program.is_file():  # apt gives nothing where the package is installed
        return installed
    return _ask(program, next(iter(sorted((part / "usr/lib").glob("*-linux-gnu"))), None))


def _ask(program: Path, libraries: Path | None) -> Qemu:
    qemu = Qemu(program, libraries, "", False)
    environment = {**os.environ, **qemu.environment()}
    try:
        version, options = (
            process.run([program, flag], str(program), seconds=process.MINUTE, environment=environment)
            for flag in ("--version", "--help")
        )
    except OSError as error:
        raise UserError(f"{program} does not start: {error}") from None
    if version.returncode != 0:
        reason = (version.stderr.strip().splitlines() or [f"exit code {version.returncode}"])[-1]
        raise UserError(f"{program} does not start: {reason}")
    return Qemu(program, libraries, version.stdout.splitlines()[0], "-plugin" in options.stdout)
