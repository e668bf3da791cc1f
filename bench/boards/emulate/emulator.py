"""The emulator's folder, set up without root: Debian's arm64 tree, runtimes, QEMU, the counter, and the boards.

.emulator/root    a Python of Debian (or Ubuntu) for 64-bit Arm, and the libraries it needs
.emulator/site    numpy and the runtimes for it, in the versions of this machine
.emulator/qemu    qemu-aarch64, where the system has none that takes plugins
.emulator/counter the plugin that counts instructions
.emulator/pi4     the board: links to root, files of its own, and `python`, which runs Python scripts on it
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from bench.boards.emulate import count, packages, qemu
from bench.boards.emulate.qemu import Qemu
from bench.boards.targets import boards
from bench.measure import process
from tinyasc.errors import UserError

FOLDER = Path(".emulator")
PACKAGES = ["python3-minimal", "libpython3-stdlib", "libstdc++6"]
"""Of arm64. What they depend on comes with them."""
PROBE = "import os; os.getpriority(0, 0); os.getpriority(0, 0)"
"""The smallest program that counts something."""


@dataclass(frozen=True)
class Emulator:
    """An emulator that is ready."""

    pythons: dict[str, Path]
    """Board -> an executable that takes the arguments of a Python."""
    qemu: str
    """Its version."""
    counter: Path | None
    """The plugin that counts instructions."""
    no_counter: str | None
    """Why there is none."""


def prepare(folder: Path = FOLDER) -> Emulator:
    """Set up what is missing of the emulator, and say what there is.

    Args:
        folder: where it is kept for the next time; about 340 MB.

    Raises:
        UserError: something cannot be fetched, with what to do; instructions that cannot be counted are no reason.
    """
    folder = folder.absolute()
    root, site = folder / "root", folder / "site"
    with packages.locked(folder), tqdm(total=5, desc="emulator", unit="part", leave=False) as progress:

        def begin(part: str) -> None:
            progress.set_postfix_str(part)
            progress.update()

        begin("QEMU")
        program = qemu.find(folder / "qemu")
        begin("Python for arm64")
        packages.make(root, {"arm64": PACKAGES}, lambda into: packages.unpack(PACKAGES, into, "arm64"))
        begin("runtimes for arm64")
        runtimes, version = packages.runtimes_here(), _python_version(root)
        packages.make(site, {"python": version, **runtimes}, lambda into: packages.install(runtimes, version, into))
        begin("boards")
        known = [boards.load(key) for key in boards.known()]
        pythons = {board.key: qemu.write_board(board, folder / board.key, root, site, program) for board in known}
        begin("counter")
        no_counter = _make_counter(folder / "counter", program, pythons[known[0].key])
    library = folder / "counter" / count.LIBRARY
    return Emulator(pythons, program.version, None if no_counter else library, no_counter)


def _python_version(root: Path) -> str:
    """3.11, of usr/bin/python3, which is a link to python3.11."""
    return os.readlink(root / "usr/bin/python3").rpartition("python")[2]


def _make_counter(part: Path, program: Qemu, python: Path) -> str | None:
    """Build the counter and try it; returns why there is none."""
    if not program.takes_plugins:
        return f"{program.version} takes no plugins"
    if count.compiler() is None:
        return "there is no C compiler here: install gcc"
    try:
        made_of = {"sources": count.sources_sha256(), "qemu": program.version}
        packages.make(part, made_of, lambda into: _build_and_try(into, program, python))
    except UserError as error:
        return str(error)
    return None


def _build_and_try(into: Path, program: Qemu, python: Path) -> None:
    count.build(into)
    with tempfile.TemporaryDirectory(prefix="tinyasc-counter-") as folder:
        counts = Path(folder, "counts.txt")
        environment = {**os.environ, **count.environment(into / count.LIBRARY, counts)}
        what = f"{program.version} with the plugin that counts instructions"
        tried = process.run([python, "-c", PROBE], what, seconds=5 * process.MINUTE, environment=environment)
        if tried.returncode != 0 or not counts.is_file() or not count.read(counts.read_text()):
            reason = (tried.stderr.strip().splitlines() or ["it counts nothing"])[0]
            raise UserError(f"{program.version} does not take the plugin that counts instructions: {reason}")
