"""Parts of the emulator's folder. Each is there whole or not at all, so that a set-up that was stopped goes on."""

import fcntl
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

STAMP = ".made_of.json"


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
