"""Command: set up the emulator, without root, before it is needed or without network."""

from pathlib import Path

from bench.boards.emulate import emulator
from tinyasc import recipe


def prepare(*, folder: Path = emulator.FOLDER) -> None:
    """Set up the emulated boards: Debian packages, Python packages, QEMU and the counter of instructions.

    Args:
        folder: where it is kept for the next time.
    """
    ready = emulator.prepare(folder)
    print(f"{ready.qemu}: {', '.join(ready.pythons)}")
    if ready.no_counter:
        print(f"instructions cannot be counted: {ready.no_counter}")


if __name__ == "__main__":
    raise SystemExit(recipe.run(prepare))
