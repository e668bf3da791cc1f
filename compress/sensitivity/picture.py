"""The picture of a program's sensitivity: its layers as rows, in running order from the top."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from compress.sensitivity.measure import Layer, Sensitivity
from compress.sensitivity.table import EXACT, decibels
from tinyasc.runs.picture import GRID, INK, MUTED, STYLE

ALONE, WHOLE, WEIGHTS = "#0f766e", "#d97706", "#94a3b8"
ROW = 0.22
"""Inches of a layer."""
SIGNAL, ANSWERS, VALUE, GAP = 3.2, 1.7, 0.55, 0.25
"""Inches of the panel of SQNR, of one of the answers', of the figures to the right of each, and between panels."""
MARGIN, HEAD, FOOT = 0.2, 1.0, 0.35
"""Inches around everything, above the panels and below them."""
LETTER = 0.072
"""Inches of a letter of a layer's name."""


def draw(found: Sensitivity, title: str) -> Figure:
    """The picture.

    Args:
        found: the layers.
        title: above it, with what the whole INT8 program answers.
    """
    layers = found.layers
    names = [layer.name for layer in layers]
    room = LETTER * max(map(len, names)) + 0.15
    panels = (SIGNAL, ANSWERS, ANSWERS)
    width = 2 * MARGIN + room + sum(panels) + len(panels) * VALUE + (len(panels) - 1) * GAP
    height = HEAD + ROW * len(layers) + FOOT + MARGIN
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), dpi=110)
        whole = found.whole
        figure.text(MARGIN / width, 1 - MARGIN / height, title, fontsize=11, weight="bold", va="top")
        answered = f"all in INT8: logits moved by {whole.moved:.3f}, {100 * whole.changed:.1f} % of the answers changed"
        answered += f", accuracy {100 * whole.accuracy:+.1f} points"
        figure.text(MARGIN / width, 1 - (MARGIN + 0.24) / height, answered, color=MUTED, va="top")
        left, axes = MARGIN + room, []
        for panel in panels:
            place = (left / width, (MARGIN + FOOT) / height, panel / width, ROW * len(layers) / height)
            axes.append(figure.add_axes(place))
            left += panel + VALUE + GAP
        signal, moved, changed = axes
        _signal(signal, layers)
        _bars(moved, "Logits moved, mean", [layer.answers.moved for layer in layers], "{:.3f}")
        _bars(changed, "Answers changed", [100 * layer.answers.changed for layer in layers], "{:.1f} %")
        for one in axes:
            one.set_ylim(len(layers) - 0.5, -0.5)
            one.set_yticks(range(len(layers)), names if one is signal else [], color=INK, fontsize=8)
            one.tick_params(axis="x", labelsize=7)
            one.grid(axis="x", color=GRID)
            one.set_axisbelow(True)
        return figure


def _signal(axes: Axes, layers: Sequence[Layer]) -> None:
    """SQNR of each output as a bar, and beside it those of the whole program and of the weights as marks.

    What is exact has neither; where more than everything is lost, below 0 dB, they stop at 0.
    """
    for row, layer in enumerate(layers):
        axes.barh(row, max(layer.alone, 0) if layer.alone < EXACT else 0, height=0.68, color=ALONE, alpha=0.85)
        axes.text(1.03, row, decibels(layer.alone), va="center", fontsize=8, transform=axes.get_yaxis_transform())
    handles: list[Artist] = [Patch(color=ALONE, alpha=0.85, label="output, alone in INT8")]
    look: dict[str, Any] = {"linestyle": "", "markersize": 4.5, "markeredgecolor": "white", "markeredgewidth": 0.6}
    for marker, colour, label, values in (
        ("o", WHOLE, "in the whole program", [layer.whole for layer in layers]),
        ("D", WEIGHTS, "its weights", [layer.weights for layer in layers]),
    ):
        shown = [(max(value, 0), row) for row, value in enumerate(values) if value is not None and value < EXACT]
        places = [x for x, _ in shown], [y for _, y in shown]
        handles += axes.plot(*places, marker=marker, color=colour, label=label, **look)
    axes.set_title("SQNR, dB", pad=18)
    key: dict[str, Any] = {
        "loc": "lower left",
        "bbox_to_anchor": (-0.02, 1.0),
        "ncols": 3,
        "fontsize": 7,
        "handlelength": 1,
    }
    axes.legend(handles=handles, borderpad=0.2, **key)
    axes.set_xlim(left=0)


def _bars(axes: Axes, title: str, values: Sequence[float], form: str) -> None:
    for row, value in enumerate(values):
        axes.barh(row, value, height=0.68, color=ALONE, alpha=0.85)
        axes.text(1.03, row, form.format(value), va="center", fontsize=8, transform=axes.get_yaxis_transform())
    axes.set_title(title, pad=18)
    axes.set_xlim(0, 1.05 * max(values) or 1)
