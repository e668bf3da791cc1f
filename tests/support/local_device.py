"""This machine in the place of a device, with any executable as its Python: an emulated one, or a script."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.boards.remote.transport import FailedError


@dataclass
class Local:
    """This machine as the device, with any executable as its Python: a folder stands for the device's home folder."""

    home: Path
    python: str
    """Shell words, for example "qemu-aarch64 -L ROOT ROOT/usr/bin/python3.11"."""
    name: str = "this machine"
    slug: str = "local"

    def run(self, command: str, given: bytes = b"") -> str:
        done = subprocess.run(["sh", "-c", command], input=given, capture_output=True, cwd=self.home, check=False)
        if done.returncode:
            raise FailedError(done.returncode, done.stderr.decode(errors="replace"))
        return done.stdout.decode(errors="replace")

    def send(self, folder: Path, to: str) -> None:
        shutil.copytree(folder, self.home / to, dirs_exist_ok=True)

    def fetch(self, folder: str, to: Path) -> None:
        shutil.copytree(self.home / folder, to, dirs_exist_ok=True)

    def close(self) -> None:
        """Nothing is open."""
