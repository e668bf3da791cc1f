"""Checkpoints on the disk: whole or not at all, checked when they are read, and always the one before as well.

A file is a line with its format and its SHA-256, then what `torch.save` writes.
"""

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from tinyasc import artifact
from tinyasc.errors import UserError

FORMAT = b"tinyasc checkpoint 2 "
_HEAD = len(FORMAT) + 65
"""The SHA-256 in hex and the line's end are 65 bytes."""


class Checkpoints:
    """The two latest checkpoints of an unfinished run."""

    def __init__(self, folder: Path) -> None:
        """Args:
        folder: of the unfinished run; made with the first checkpoint.
        """
        self.folder = folder
        self.newest, self.before = folder / "checkpoint.pt", folder / "checkpoint_before.pt"

    def save(self, state: dict[str, Any]) -> None:
        """Write tensors, numbers, text, lists and dicts of them; stopped anywhere, the checkpoint before stays."""
        self.folder.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()
        content.write(bytes(_HEAD))
        torch.save(state, content)
        whole = content.getbuffer()
        whole[:_HEAD] = FORMAT + hashlib.sha256(whole[_HEAD:]).hexdigest().encode() + b"\n"
        new = self.folder / "checkpoint.new"
        artifact.atomic_write(new, whole)
        if self.newest.exists():
            os.replace(self.newest, self.before)
        os.replace(new, self.newest)

    def load(self) -> dict[str, Any] | None:
        """The newest whole checkpoint, its tensors on the CPU; None where there was none yet.

        Raises:
            UserError: all there are, are damaged.
        """
        damaged = []
        for path in (self.newest, self.before):
            if path.is_file():
                if (state := _read(path)) is not None:
                    return state
                damaged.append(path)
                tqdm.write(f"{path} is damaged or of another version of this program: it is not used")
        if damaged:
            raise UserError(f"no checkpoint in {self.folder} can be read: remove that folder to start over")
        return None


def _read(path: Path) -> dict[str, Any] | None:
    content = path.read_bytes()
    digest = hashlib.sha256(memoryview(content)[_HEAD:]).hexdigest().encode()
    if content[:_HEAD] != FORMAT + digest + b"\n":
        return None
    return torch.load(io.BytesIO(memoryview(content)[_HEAD:]), map_location="cpu", weights_only=True)
