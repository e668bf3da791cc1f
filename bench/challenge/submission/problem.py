"""What is wrong with a file of a submission, and where."""

from collections.abc import Sequence
from dataclasses import dataclass

SHOWN = 50
"""Problems that are printed; a file may have one in each of its hundred thousand lines."""


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


def show(problems: Sequence[Problem]) -> str:
    """Print the first of them, and return in words how many there are."""
    for problem in problems[:SHOWN]:
        print(problem)
    if len(problems) > SHOWN:
        print(f"and {len(problems) - SHOWN:,} more")
    return "1 problem" if len(problems) == 1 else f"{len(problems):,} problems"
