"""The emulator program, and the tree that it shows the guest of a board in place of this machine's.

QEMU's user mode looks for every path below its `-L` folder first. A board's folder has links to the shared tree and
/proc and /sys files of its own, so that boards share 75 MB of Debian and several run at once. Without them the
guest sees this machine's /proc/cpuinfo, from which XNNPACK chooses kernels; ai-edge-litert 2.3.0 then crashes.
"""

import os
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from bench.boards.emulate import packages
from bench.boards.targets.boards import Board
from bench.measure import process
from tinyasc.artifact import atomic_write
from tinyasc.errors import UserError

PROGRAM = "qemu-aarch64"
STATIC = "qemu-aarch64-static"
"""Debian's name of the one without shared libraries."""
PYTHON = "python"
"""The script in a board's folder that is its Python."""
KERNEL_MAX = 7
"""Of sys/devices/system/cpu: highest number that a kernel of 8 processors gives one."""


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


def board_files(board: Board) -> dict[str, str]:
    """Path below the root -> content, of all that is the board's own."""
    core = board.core
    introduction = (
        "BogoMIPS\t: 108.00\n"
        f"Features\t: {' '.join(core.features)}\n"
        f"CPU implementer\t: {core.implementer}\n"
        f"CPU architecture: {core.architecture}\n"
        f"CPU variant\t: {core.variant}\n"
        f"CPU part\t: {core.part}\n"
        f"CPU revision\t: {core.revision}\n\n"
    )
    cores = f"0-{board.cores - 1}\n"
    system = {"possible": cores, "present": cores, "online": cores, "kernel_max": f"{KERNEL_MAX}\n"}
    return {
        "proc/cpuinfo": "".join(f"processor\t: {number}\n{introduction}" for number in range(board.cores)),
        **{f"sys/devices/system/cpu/{name}": content for name, content in system.items()},
    }


def launcher(board: Board, folder: Path, site: Path, qemu: Qemu) -> str:
    """The board's Python as a shell script: takes the arguments of a Python, needs nothing of its environment."""
    # Not by QEMU's own -E, which takes a comma in a path for the end of it.
    settings = {"PYTHONPATH": str(site), "PYTHONNOUSERSITE": "1", "OPENBLAS_NUM_THREADS": "1", **qemu.environment()}
    exported = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items())
    program = [str(qemu.program), "-cpu", board.processor, "-L", str(folder), "-U", "LD_LIBRARY_PATH"]
    command = shlex.join([*program, str(folder / "usr/bin/python3")])
    return f'#!/bin/sh\n{exported}unset PYTHONHOME\nexec {command} "$@"\n'


def write_board(board: Board, folder: Path, root: Path, site: Path, qemu: Qemu) -> Path:
    """Make or renew a board's folder; returns its Python.

    What is already right stays untouched: another run may be reading it.

    Args:
        board: the board.
        folder: its folder, absolute, beside `root`.
        root: Debian's tree.
        site: the packages of its Python.
        qemu: the emulator.
    """
    for path, content in {**board_files(board), PYTHON: launcher(board, folder, site, qemu)}.items():
        file = folder / path
        if not file.is_file() or file.read_text() != content:
            file.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(file, content.encode())
    for name in ("usr", "bin", "etc", "lib", "lib64", "var"):
        # Where a distribution has merged them, /lib is a link that no package brings.
        source = root / name if (root / name).exists() else root / "usr" / name
        link = folder / name
        if source.exists() and not link.is_symlink():
            link.symlink_to(os.path.relpath(source, folder))
    (folder / PYTHON).chmod(0o755)
    return folder / PYTHON
