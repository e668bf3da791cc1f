"""Measures on another machine than this one: an emulated board, or a real device over ssh."""

from pathlib import Path
from typing import Any

from bench.subject import Subject
from bench.targets import boards
from tinyasc.clips import Clips
from tinyasc.errors import UserError

SSH = "ssh:"


def check(target: str) -> None:
    """Whether there is such a target, before any work.

    Raises:
        UserError: there is none.
    """
    if not target.startswith(SSH) and target not in boards.known():
        raise UserError(f"no target {target!r}: take {', '.join(boards.known())} (emulated), or ssh:user@host[:port]")


def measure(target: str, subject: Subject, clips: Clips | None, *, emulator: Path, keep: bool) -> dict[str, Any]:
    """The result of a target, in the form of `bench.device.result`."""
    raise NotImplementedError
