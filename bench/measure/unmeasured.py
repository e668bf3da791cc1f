"""Why there is no figure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Unmeasured:
    """Something that could not be measured here."""

    reason: str
    """One line that says why, and what to do about it where something can be done."""
