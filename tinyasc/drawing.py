"""How pictures of matplotlib look in every package, where their labels find room, and how one is written."""

import io
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox, BboxBase

from tinyasc.artifact import atomic_write

INK, MUTED, GRID, LIMIT = "#1c2733", "#66748a", "#e3e8ef", "#b42318"
PLAIN: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
}
STYLE: dict[Any, Any] = PLAIN | {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def write(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all; the same figure gives the same bytes."""
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, content.getvalue())


def free_place(
    inside: BboxBase,
    centre: np.ndarray,
    size: np.ndarray,
    taken: Sequence[Bbox],
    *,
    gaps: Iterable[float],
    angles: Iterable[float],
) -> Bbox:
    """Find room for a label around a point: the first box that overlaps nothing; where there is none, the nearest.

    Args:
        inside: where the label must lie; all lengths are pixels.
        centre: (2,) of the point.
        size: (2,) width and height of the label.
        taken: boxes that are occupied.
        gaps: distances from the point that are tried, the nearest first.
        angles: directions that are tried at each distance, radians.
    """
    tried = []
    for gap, angle in product(gaps, angles):
        x, y = centre + np.array([np.cos(angle), np.sin(angle)]) * (size / 2 + gap) - size / 2
        tried.append(Bbox.from_bounds(x, y, size[0], size[1]))
        fits = inside.contains(*tried[-1].min) and inside.contains(*tried[-1].max)
        if fits and not any(tried[-1].overlaps(other) for other in taken):
            return tried[-1]
    return tried[0]
