"""One system of a ranking: what is known of it, each number with its origin."""

from dataclasses import dataclass

from bench.measure.figure import Figure

SUBSETS = (5, 10, 25, 50, 100)
"""Per cent of the training split that a system of 2024 is trained on, once each."""

UNITS = {
    "accuracy": "fraction",
    "log_loss": "nats",
    "memory_bytes": "bytes",
    "macs": "MACs",
    "parameters": "parameters",
    "known_devices": "fraction",
    "unknown_devices": "fraction",
    **{f"split_{subset}": "fraction" for subset in SUBSETS},
}
"""What may be known of a system, and its unit: accuracy is macro accuracy, memory that of the parameters, log loss the
mean over clips, MACs those of one second of sound; known and unknown devices and split_5 to split_100 are
accuracies."""


@dataclass(frozen=True)
class System:
    """One system."""

    name: str
    figures: dict[str, Figure]
    """By the names of UNITS; what is not known is not there."""
    team: str | None = None
    data: str | None = None
    """What its accuracy was measured on; none: a table that does not say."""

    def value(self, name: str) -> float | None:
        """A number in the unit of UNITS; none: not known."""
        figure = self.figures.get(name)
        return None if figure is None else figure.value
