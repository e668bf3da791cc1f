"""The Pareto picture: accuracy against MACs and against memory, with the front that no other system beats.

Published systems stand behind as numbered circles with a key below, quoted; their accuracies are of other splits or
other data, so they give a sense of place and take no part in the front.
"""

import io
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture
from matplotlib.ticker import FuncFormatter, NullFormatter, PercentFormatter
from matplotlib.transforms import Bbox

from bench.challenge.ranking import front_of
from bench.challenge.ranking import points as points_of
from bench.challenge.systems import System
from bench.report.published import PUBLISHED, PublishedSystem
from bench.report.words import short
from tinyasc.dcase import LIMITS
from tinyasc.drawing import GRID, INK, LIMIT, MUTED, PLAIN, free_place

OWN, OTHERS = "#0f766e", "#94a3b8"
STYLE: dict[Any, Any] = PLAIN | {"xtick.minor.size": 0, "axes.spines.top": False, "axes.spines.right": False}
STYLE |= {"svg.fonttype": "none", "svg.hashsalt": "tinyasc"}  # the same numbers give the same bytes
COSTS = {
    "macs": ("multiply-accumulates for one second of sound", min(limits.macs for limits in LIMITS.values())),
    "memory_bytes": (
        "memory of the parameters, bytes",
        min(limits.parameter_bytes for limits in LIMITS.values() if limits.parameter_bytes is not None),
    ),
}
"""The horizontal axes, and the limit on each: the same in every year that has it."""
DPI = 150
GAPS = np.array([5, 10, 16, 24, 34, 46]) * DPI / 72
"""Distances of a name from its point that are tried, in pixels."""
ANGLES = np.radians([0, 180, 90, 270, 45, 315, 135, 225])
FAR = 1e12
"""Where the front ends: beyond its last system nothing beats that one, whatever it costs."""
LINE = 0.17
"""Inches of a line of the key."""


def draw(systems: Sequence[System], kind: str) -> bytes:
    """The picture as a file.

    Args:
        systems: those with accuracy and MACs, or accuracy and memory, are drawn.
        kind: "svg" or "png".
    """
    key = 1 + (len(PUBLISHED) + 1) // 2
    height = 5.6 + LINE * key
    with mpl.rc_context({**STYLE, "savefig.dpi": DPI, "figure.dpi": DPI}):
        picture = Picture(figsize=(12, height))
        bottom = (LINE * key + 1) / height
        panels = picture.subplots(1, 2, sharey=True, gridspec_kw={"bottom": bottom, "top": 1 - 0.35 / height})
        picture.subplots_adjust(left=0.06, right=0.985, wspace=0.06)
        for axes, cost in zip(panels, COSTS, strict=True):
            _panel(axes, cost, list(systems))
        panels[0].set_ylabel("macro accuracy")
        _vertical_range(panels[0], systems)
        look = {"ncols": 4, "frameon": False, "fontsize": 8, "borderaxespad": 0, "handletextpad": 0.3}
        picture.legend(*panels[0].get_legend_handles_labels(), loc=(0.055, (LINE * key + 0.2) / height), **look)
        picture.draw_without_rendering()  # settles the scales, by which the names are placed
        for axes, cost in zip(panels, COSTS, strict=True):
            points = points_of(systems, cost)
            _names(axes, points, [points[name] for name in front_of(systems, cost)], _behind(cost))
        _key(picture, height)
        content = io.BytesIO()
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        picture.savefig(content, format=kind, metadata=metadata)
    return content.getvalue()


def _panel(axes: Axes, cost: str, systems: list[System]) -> None:
    title, limit = COSTS[cost]
    for number, x, y in _behind(cost):
        axes.plot(x, y, "o", color="white", markeredgecolor=OTHERS, markersize=13, zorder=2)
        axes.annotate(str(number), (x, y), ha="center", va="center", color=MUTED, fontsize=7, zorder=2)
    points = points_of(systems, cost)
    front = [points[name] for name in front_of(systems, cost)]
    if front:
        xs, ys = [*(x for x, _ in front), FAR], [*(y for _, y in front), front[-1][1]]
        axes.step(xs, ys, where="post", color=OWN, linewidth=1.2, zorder=3, label="front: none better at this cost")
    quoted = {
        system.name: system.figures["accuracy"].provenance == "quoted" for system in systems if system.name in points
    }
    for name, (x, y) in points.items():
        filled = "white" if quoted[name] else OWN
        axes.plot(x, y, "o", color=filled, markeredgecolor=OWN, markeredgewidth=1.6, markersize=8, zorder=4)
    for how, colour in (("measured", OWN), ("quoted", "white")):
        if (how == "quoted") in quoted.values():
            look = {"color": colour, "markeredgecolor": OWN, "markeredgewidth": 1.6, "markersize": 8}
            axes.plot([], [], "o", label=f"ranked here, {how}", **look)
    axes.plot([], [], "o", color="white", markeredgecolor=OTHERS, markersize=11, label="published, quoted (key below)")
    axes.set_xscale("log")
    costs = [x for _, x, _ in _behind(cost)] + [x for x, _ in points.values()]
    axes.set_xlim(0.6 * min(costs), 2.2 * max(*costs, limit))
    axes.axvline(limit, color=LIMIT, linewidth=1)
    axes.text(limit, 1.01, f"limit {short(limit)}", color=LIMIT, transform=axes.get_xaxis_transform(), ha="center")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: short(number)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.set_xlabel(title)
    axes.grid(color=GRID)
    axes.set_axisbelow(True)


def _behind(cost: str) -> list[tuple[int, float, float]]:
    """(number in the key, cost, accuracy) of the published systems whose cost is known."""
    found = [(number, getattr(system, cost), system.accuracy) for number, system in enumerate(PUBLISHED, start=1)]
    return [one for one in found if one[1] is not None]


def _vertical_range(axes: Axes, systems: Sequence[System]) -> None:
    accuracies = [system.accuracy for system in PUBLISHED]
    accuracies += [value for system in systems if (value := system.value("accuracy")) is not None]
    axes.set_ylim(max(0, min(accuracies) - 0.06), min(1, max(accuracies) + 0.05))


def _names(
    axes: Axes,
    points: dict[str, tuple[float, float]],
    front: list[tuple[float, float]],
    behind: list[tuple[int, float, float]],
) -> None:
    """Each system's name beside its point, at the nearest place where neither a point nor the front is."""
    corners = axes.transData.transform([*front, (FAR, front[-1][1])]) if front else []
    taken = [Bbox.from_extents(*start, end[0], start[1]) for start, end in pairwise(corners)]
    taken += [Bbox.from_extents(end[0], start[1], *end) for start, end in pairwise(corners)]
    for x, y, size in [*((x, y, 13) for _, x, y in behind), *((x, y, 9) for x, y in points.values())]:
        (left, bottom), side = axes.transData.transform((x, y)), size * DPI / 72
        taken.append(Bbox.from_bounds(left - side / 2, bottom - side / 2, side, side))
    for name, place in points.items():
        text = f"{name} {100 * place[1]:.1f} %"
        label = axes.annotate(
            text, place, (0, 0), textcoords="offset points", ha="center", va="center", fontsize=8, color=INK, zorder=5
        )
        size, centre = np.asarray(label.get_window_extent().size), axes.transData.transform(place)
        box = free_place(axes.bbox, centre, size, taken, gaps=GAPS, angles=ANGLES)
        taken.append(box)
        label.set_position(tuple((np.add(box.min, box.max) / 2 - centre) * 72 / DPI))


def _key(picture: Picture, height: float) -> None:
    """The published systems by number, in two columns below the panels."""
    half = (len(PUBLISHED) + 1) // 2
    picture.text(0.06, (LINE * half + 0.16) / height, "published (quoted)", fontsize=8, color=MUTED, weight="bold")
    for place, system in enumerate(PUBLISHED):
        column, row = divmod(place, half)
        text = f"{place + 1}  {_described(system)}"
        picture.text(0.06 + 0.47 * column, (LINE * (half - row) - 0.06) / height, text, fontsize=7, color=MUTED)


def _described(system: PublishedSystem) -> str:
    return f"{system.name}: {100 * system.accuracy:.1f} %, {system.split} ({system.source})"
