"""What a session needs of a way to reach a device.

Paths are relative to the folder in which commands start there: the home folder, over ssh.
"""

from pathlib import Path
from typing import Protocol


class LostError(Exception):
    """The connection broke, or there was none: the same call may work later."""


class FailedError(Exception):
    """The device did what it was told, and that failed."""

    def __init__(self, code: int, text: str):
        lines = [line for line in text.splitlines() if line.strip()]
        self.code = code
        self.text = text
        """Its error output."""
        self.said = lines[-1].strip() if lines else f"exit code {code}"
        """The last line of it."""
        super().__init__(self.said)


class Transport(Protocol):
    """A way to one device."""

    name: str
    """The device, as its user calls it."""
    slug: str
    """The same, of letters, digits, dots and dashes alone."""
    python: str
    """Shell words that start its Python."""

    def run(self, command: str, given: bytes = b"") -> str:
        """Run a line of POSIX shell there, with `given` on its standard input, and return its standard output.

        Raises:
            LostError: no connection.
            FailedError: the exit code is not 0.
            UserError: the device cannot be reached as things are set up.
        """
        ...

    def send(self, folder: Path, to: str) -> None:
        """Put the content of a folder of this machine into the folder `to` there, which exists; raises as `run`."""
        ...

    def fetch(self, folder: str, to: Path) -> None:
        """Put the content of a folder there into the folder `to` of this machine, which exists; raises as `run`."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...
