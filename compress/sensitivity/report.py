"""The sensitivity of a program to INT8 as a table, with a remedy for the costliest layer, and as a picture."""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from compress.sensitivity.measure import INPUT, Answers, Layer, Sensitivity
from tinyasc.drawing import GRID, INK, MUTED, STYLE

COLUMNS = (
    ("layer", "kind", "weights", "rounding", "alone", "whole", "clipped", "logits", "answers", "accuracy"),
    ("", "", "dB", "dB", "dB", "dB", "%", "moved", "changed, %", "points"),
)
NOTE = """\
SQNR in dB of a layer's weights; of its output: rounded to int8 without more (rounding), with this layer alone in INT8
(alone), in the whole INT8 program (whole); how much of its float output lies beyond its int8 range (clipped). Then the
network's answers with this layer alone in INT8, against float: mean |difference| of the logits, changed, accuracy."""
EXACT = 120.0
"""dB from which an error is float32's own."""
NAMED = 3
"""Layers that are named at the end."""
STANDS_OUT = 0.25
"""Share of all movement (`shares`) from which one layer is worth a remedy of its own."""
CLIPPED = 1e-3
"""Share of a layer's output beyond its range from which the range, not the rounding within it, is to blame."""

ALONE, WHOLE, WEIGHTS = "#0f766e", "#d97706", "#94a3b8"
ROW = 0.22
"""Inches of a layer."""
SIGNAL, ANSWERS, VALUE, GAP = 3.2, 1.7, 0.55, 0.25
"""Inches of the panel of SQNR, of one of the answers', of the figures to the right of each, and between panels."""
MARGIN, HEAD, FOOT = 0.2, 1.0, 0.35
"""Inches around everything, above the panels and below them."""
LETTER = 0.072
"""Inches of a letter of a layer's name."""


def table(found: Sensitivity) -> str:
    """All layers in running order, and the whole program."""
    rows = [*map(list, COLUMNS), *(_row(layer) for layer in found.layers)]
    rows.append(["all in INT8", *[""] * 6, *_cells(found.whole)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) if place < 2 else cell.rjust(width) for place, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(row, widths, strict=True)) for row in rows)
    ]
    return "\n".join([*(line.rstrip() for line in lines), "", NOTE])


def shares(found: Sensitivity) -> list[float]:
    """Of every layer, its share of the squares of what the layers move the logits by alone; errors add as squares."""
    squares = [layer.answers.moved**2 for layer in found.layers]
    return [square / sum(squares) if square else 0.0 for square in squares]


def conclusion(found: Sensitivity) -> list[str]:
    """Which layers cost most, and what there is to do: one or two lines."""
    ranked = sorted(zip(shares(found), found.layers, strict=True), key=lambda pair: pair[0], reverse=True)
    share, worst = ranked[0]
    if share == 0:
        return ["No layer loses anything on these clips."]
    named = ", ".join(f"{layer.name} {100 * part:.0f} %" for part, layer in ranked[:NAMED])
    first = f"Costliest alone, by their shares of all movement of the logits (in squares): {named}."
    if share < STANDS_OUT:
        remedy = "a remedy for one leaves most of it; training as the INT8 program (compress.qat) reaches all of them."
        return [first, f"No single layer stands out: {remedy}"]
    return [first, f"{worst.name} stands out: {_remedy(worst)}"]


def decibels(value: float | None) -> str:
    """A SQNR as a cell."""
    if value is None:
        return "–"
    return f"{value:.1f}" if value < EXACT else "exact"


def _remedy(layer: Layer) -> str:
    if layer.clipped >= CLIPPED:
        return (
            f"{100 * layer.clipped:.1f} % of its output is clipped: widen its range with more or other calibration "
            "clips, or learn it (compress.qat)."
        )
    # as powers: the output's own rounding makes up half of the error or more
    if layer.rounding - layer.alone < 10 * math.log10(2):
        made = "The network's input" if layer.kind == INPUT else "Its output"
        return f"{made} is too coarse in 8 bits: train with that rounding (compress.qat), or give it more bits."
    place = "what it computes inside" if layer.weights is None else "its weights"
    return f"It is lost in {place}, not in the rounding of its output: train with it (compress.qat)."


def _row(layer: Layer) -> list[str]:
    measured = [decibels(value) for value in (layer.weights, layer.rounding, layer.alone, layer.whole)]
    return [layer.name, layer.kind, *measured, f"{100 * layer.clipped:.2f}", *_cells(layer.answers)]


def _cells(answers: Answers) -> Sequence[str]:
    return f"{answers.moved:.4f}", f"{100 * answers.changed:.1f}", f"{100 * answers.accuracy:+.1f}"


def draw(found: Sensitivity, title: str) -> Figure:
    """The picture: its layers as rows, in running order; above them the title, and what the whole program answers."""
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
