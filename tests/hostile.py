"""What a hostile file holds: an object that does something to the machine while it is unpickled."""

from pathlib import Path


class Touch:
    """Makes a file, where anybody runs what he unpickles."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.mark,)
