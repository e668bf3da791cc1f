"""How clearly two files answer the same clips: the points of a picture of one against the other.

The margin of a clip is ln p(true class) - ln p(likeliest other class), nats: log-odds of the true class against its
strongest rival. A right answer has a margin above 0, a wrong one below, and a softmax does not change it; a margin of
exactly 0, which integers allow, is right or wrong by the order of the classes.

Shape legend: n test clips, K classes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

POINTS = 500
"""At most so many clips are kept."""
DIGITS = 3
"""Decimals of a margin."""


@dataclass(frozen=True)
class Margins:
    """Those of some clips, (p,) each."""

    clips: int
    """Of which they are taken."""
    first: np.ndarray
    """Margins in the first file, nats."""
    second: np.ndarray
    right_first: np.ndarray
    """bool."""
    right_second: np.ndarray

    def content(self) -> dict[str, Any]:
        """clips, first, second (nats), right_first, right_second (0 or 1), a number each point."""
        return {
            "clips": self.clips,
            "first": self.first.round(DIGITS).tolist(),
            "second": self.second.round(DIGITS).tolist(),
            "right_first": self.right_first.astype(int).tolist(),
            "right_second": self.right_second.astype(int).tolist(),
        }


def margins(first: np.ndarray, second: np.ndarray, label: np.ndarray) -> Margins:
    """Margins of two files whose logits are (n, K) each; of more than POINTS clips, POINTS of them.

    They are taken at even steps from the clips in order of the second's margin, so that they lie as dense as all do,
    and are the same ones every time.
    """
    values = [_margin(logits, label) for logits in (first, second)]
    right = [logits.argmax(axis=1) == label for logits in (first, second)]
    order = np.argsort(values[1], kind="stable")
    kept = order[np.unique(np.linspace(0, len(order) - 1, POINTS).round().astype(int))]
    return Margins(len(label), values[0][kept], values[1][kept], right[0][kept], right[1][kept])


def _margin(logits: np.ndarray, label: np.ndarray) -> np.ndarray:
    """(n, K) -> float64 (n,)."""
    others = logits.astype(np.float64)
    clips = np.arange(len(label))
    true = others[clips, label]
    others[clips, label] = -np.inf
    return true - others.max(axis=1)
