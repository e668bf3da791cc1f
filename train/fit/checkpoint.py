"""Checkpoints on the disk: whole or not at all, checked when they are read, and always the one before as well.

A file is a line with its format and its SHA-256, then what `torch.save` writes.
"""

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from tinyasc import artifact
from tinyasc.errors import UserError

FORMAT = b"tinyasc checkpoint 2 "
_HEAD = len(FORMAT) + 65
"""The SHA-256 in hex and the line's end are 65 bytes."""


class Checkpoints:
    """The two latest checkpoints of an unfinished run."""

    def __init__(self, folder: Path) -> None:
        """Nothing is written yet; `folder` is made with the first checkpoint."""
        self.folder = folder
        self.newest, self.before = folder / "checkpoint.pt", folder / "checkpoint_before.pt"
        self._new = folder / "checkpoint.new"  # whole; it is there between the renames of a save
        self._damaged: list[Path] = []

    @property
    def begun(self) -> bool:
        """Whether there is a checkpoint, or what is left of one."""
        return any(path.exists() for path in (self._new, self.newest, self.before))

    def save(self, state: dict[str, Any]) -> None:
        """Write tensors, numbers, text, lists and dicts of them; stopped anywhere, the checkpoint before stays."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self._damaged:  # or it would take the place of the one before, which is whole
            path.unlink(missing_ok=True)
        self._damaged = []
        if self._new.exists():
            self._move()
        content = io.BytesIO()
        content.write(bytes(_HEAD))
        torch.save(state, content)
        whole = content.getbuffer()
        whole[:_HEAD] = FORMAT + hashlib.sha256(whole[_HEAD:]).hexdigest().encode() + b"\n"
        artifact.atomic_write(self._new, whole)
        self._move()

    def _move(self) -> None:
        """Make the new one the newest, and that the one before."""
        if self.newest.exists():
            os.replace(self.newest, self.before)
        os.replace(self._new, self.newest)

    def load(self) -> dict[str, Any] | None:
        """The newest whole checkpoint, its tensors on the CPU; None where there was none yet.

        Nothing is moved, as all processes of a run read here; the next save removes what was found damaged.

        Raises:
            UserError: all there are, are damaged.
        """
        self._damaged = []
        for path in (self._new, self.newest, self.before):
            if path.is_file():
                if (state := _read(path)) is not None:
                    return state
                self._damaged.append(path)
                tqdm.write(f"{path} is damaged or of another version of this program: it is not used")
        if self._damaged:
            raise UserError(f"no checkpoint in {self.folder} can be read: remove that folder to start over")
        return None


def _read(path: Path) -> dict[str, Any] | None:
    content = path.read_bytes()
    digest = hashlib.sha256(memoryview(content)[_HEAD:]).hexdigest().encode()
    if content[:_HEAD] != FORMAT + digest + b"\n":
        return None
    return torch.load(io.BytesIO(memoryview(content)[_HEAD:]), map_location="cpu", weights_only=True)


def random_state(device: torch.device) -> dict[str, Tensor]:
    """Read torch's random state, on the CPU and on the GPU that this process has."""
    state = {"cpu": torch.get_rng_state()}
    return state | {"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else state


def set_random_state(state: dict[str, Tensor], device: torch.device) -> None:
    """Go on with a `random_state`."""
    torch.set_rng_state(state["cpu"])
    if "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
