"""What is wrong with a file of a submission, and where."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing to correct."""

    file: str
    line: int | None
    """From 1; none: the file as a whole."""
    what: str
    """What is wrong, and what to do."""

    def __str__(self) -> str:
        return f"{self.file}{'' if self.line is None else f':{self.line}'}: {self.what}"
