"""Room on a disk, and files that appear whole."""

import shutil
from pathlib import Path

from tqdm import tqdm

from tinyasc.errors import UserError


def check_space(folder: Path, needed: int, what: str) -> None:
    """Whether there is room for `needed` bytes in a folder that may not exist yet.

    Raises:
        UserError: there is not.
    """
    place = existing(folder)
    if (free := shutil.disk_usage(place).free) < needed:
        raise UserError(f"{place} has {readable(free)} free and {readable(needed)} are needed for {what}")


def existing(folder: Path) -> Path:
    """The folder, or the innermost one around it that exists."""
    return next(place for place in (folder, *folder.resolve().parents) if place.exists())


def unfinished(path: Path) -> Path:
    """Where a file grows until it is whole."""
    return path.with_name(path.name + ".part")


def size(path: Path) -> int:
    """Bytes of a file, -1 if there is none."""
    return path.stat().st_size if path.is_file() else -1


def readable(count: int) -> str:
    """Bytes for people: 1.23GB."""
    return tqdm.format_sizeof(count, "B")
