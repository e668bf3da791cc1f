"""Networks as points: parameters against multiply-accumulates, with the limits of DCASE Task 1 as lines.

Most of the field lies close to the limits, so that corner has a panel of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from matplotlib.transforms import Bbox

from tinyasc.dcase import LIMITS
from tinyasc.drawing import GRID, LIMIT, MUTED, PLAIN, free_place

ROOM = "#eef6f4"
COLOURS = ("#0f766e", "#d97706", "#2563eb", "#9333ea", "#be185d", "#4d7c0f", "#0891b2", "#78350f", "#475569", "#a16207")
MARKERS = "osD^vPXphd"
DPI = 150
PIXEL = DPI / 72
"""Pixels in 1/72 inch."""
STYLE: dict[Any, Any] = PLAIN | {"figure.dpi": DPI, "savefig.dpi": DPI, "xtick.minor.size": 0, "ytick.minor.size": 0}
DOT = 8
"""Diameter of a point, in 1/72 inch."""
GAPS = np.array([6, 11, 17, 25, 35, 47, 61]) * PIXEL
"""Distances of a label from its point that are tried, in pixels."""
NEAR = 8
"""A label that is farther has a line to its point."""
ANGLES = np.radians([0, 180, 90, 270, 30, 330, 150, 210, 60, 300, 120, 240])
CORNER = (0.28, 1.8), (0.38, 1.9)
"""What the corner's panel shows of parameters and of MACs, in shares of the limits."""

MACS = min(limits.macs for limits in LIMITS.values())
PARAMETERS = min(
    limit for limits in LIMITS.values() for limit in (limits.parameters, limits.parameter_bytes) if limit is not None
)
"""The limits; they are the same in all years, since INT8 takes a byte a parameter."""


@dataclass(frozen=True)
class Point:
    """One network."""

    name: str
    group: str
    """Its architecture, which gives colour and marker."""
    parameters: int
    macs: int


def draw(points: Sequence[Point]) -> Figure:
    """The picture; points at one place share a label."""
    box = _corner()
    in_corner = [point for point in points if box.contains(point.parameters, point.macs)]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(15, 7.5), layout="constrained")
        whole, corner = figure.subplots(1, 2)
        for axes in (whole, corner):
            axes.set(xscale="log", yscale="log")
            _plot(axes, points)
        whole.set_title("all sizes", loc="left", color=MUTED)
        whole.set_xlim(min(whole.get_xlim()[0], box.x0 / 2), max(whole.get_xlim()[1], box.x1 * 2))
        whole.set_ylim(min(whole.get_ylim()[0], box.y0 / 2), max(whole.get_ylim()[1], box.y1 * 2))
        corner.set_title("those close to the limits", loc="left", color=MUTED)
        corner.set(xlim=box.intervalx, ylim=box.intervaly)
        for axis in (corner.xaxis, corner.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 4, 5, 7)))
        whole.add_patch(Rectangle(box.min, *box.size, fill=False, edgecolor=MUTED, linestyle="dotted"))
        note: dict[str, Any] = {
            "color": MUTED,
            "fontsize": 8,
            "ha": "right",
            "va": "top",
            "textcoords": "offset points",
        }
        whole.annotate("enlarged on the right", (box.x0, box.y1), (-4, 0), **note)
        whole.set_ylabel("multiply-accumulates for one clip, as trained, at every token")
        whole.legend(loc="lower right", frameon=False, labelcolor="linecolor")
        figure.supxlabel("parameters as trained (in INT8: bytes)", color=MUTED, fontsize=10)
        for axes in (whole, corner):
            _limits(axes)
        figure.draw_without_rendering()  # settles the scales, by which the labels are placed
        _label(whole, [point for point in points if point not in in_corner], points)
        _label(corner, in_corner, points)
    return figure


def _corner() -> Bbox:
    (left, right), (bottom, top) = CORNER
    return Bbox.from_extents(left * PARAMETERS, bottom * MACS, right * PARAMETERS, top * MACS)


def _style(point: Point, points: Sequence[Point]) -> tuple[str, str]:
    """Colour and marker of its group."""
    place = list(dict.fromkeys(other.group for other in points)).index(point.group)
    return COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]


def _plot(axes: Axes, points: Sequence[Point]) -> None:
    for group in dict.fromkeys(point.group for point in points):
        own = [point for point in points if point.group == group]
        colour, marker = _style(own[0], points)
        numbers = [point.parameters for point in own], [point.macs for point in own]
        look = {"linestyle": "", "markersize": DOT, "markeredgecolor": "white", "zorder": 3}
        axes.plot(*numbers, marker=marker, color=colour, label=group, **look)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda number, _: _short(number)))
        axis.set_minor_formatter(NullFormatter())
    axes.grid(color=GRID)
    axes.set_axisbelow(True)


def _limits(axes: Axes) -> None:
    """The limits and the room within them."""
    left, bottom = axes.get_xlim()[0], axes.get_ylim()[0]
    axes.fill_between([left, PARAMETERS], bottom, MACS, color=ROOM, linewidth=0, zorder=0)
    axes.axvline(PARAMETERS, color=LIMIT, linewidth=1)
    axes.axhline(MACS, color=LIMIT, linewidth=1)
    memory = f"{_short(PARAMETERS)}B, DCASE {min(LIMITS)}-{max(LIMITS)}"
    look: dict[str, Any] = {"color": LIMIT, "textcoords": "offset points"}
    ends = axes.get_yaxis_transform(), axes.get_xaxis_transform()
    axes.annotate(f"{_short(MACS)} MACs", (1, MACS), (-4, 5), xycoords=ends[0], ha="right", **look)
    axes.annotate(memory, (PARAMETERS, 1), (5, -4), xycoords=ends[1], va="top", **look)


def _label(axes: Axes, chosen: Sequence[Point], points: Sequence[Point]) -> None:
    """Names beside the chosen points, each at the nearest place that is free."""
    names: dict[tuple[int, int], list[Point]] = {}
    for point in chosen:
        names.setdefault((point.parameters, point.macs), []).append(point)
    places = [(point.parameters, point.macs) for point in points]
    centres = {place: np.asarray(axes.transData.transform(place)) for place in places}
    dot = DOT * PIXEL
    taken = [Bbox.from_bounds(x - dot / 2, y - dot / 2, dot, dot) for x, y in centres.values()]
    taken += [text.get_window_extent() for text in axes.texts] + [line.get_window_extent() for line in axes.lines[-2:]]
    for place, several in names.items():
        first, *others = several
        text = ", ".join([first.name, *(point.name.removeprefix(f"{first.group}_") for point in others)])
        look = {"color": _style(first, points)[0], "textcoords": "offset points", "zorder": 4}
        label = axes.annotate(text, place, (0, 0), fontsize=8, ha="center", va="center", **look)
        size = np.asarray(label.get_window_extent().size)
        box = free_place(axes.bbox, centres[place], size, taken, gaps=GAPS, angles=ANGLES)
        taken.append(box)
        x, y = (np.asarray(box.min + box.max) / 2 - centres[place]) / PIXEL
        label.set_position((x, y))
        x, y = (np.clip(centres[place], box.min, box.max) - centres[place]) / PIXEL  # where the box is nearest
        if np.hypot(x, y) > NEAR:
            line = {"arrowstyle": "-", "color": look["color"], "linewidth": 0.6, "shrinkA": 0, "shrinkB": DOT / 2}
            axes.annotate("", place, (x, y), arrowprops=line, **look)


def _short(number: float) -> str:
    """1,500,000 -> 1.5 M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {letter}"
    return f"{number:.3g}"
