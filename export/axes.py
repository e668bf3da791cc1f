"""Where the axes of a map lie in a format."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Axes:
    """Numbers of the axes, the batch being 0."""

    channel: int
    frequency: int
    time: int
