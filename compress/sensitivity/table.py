"""The sensitivity of a program as text: a row a layer, and what is to be done about the costliest."""

import math
from collections.abc import Sequence

from compress.sensitivity.measure import INPUT, Answers, Layer, Sensitivity

HEAD = (
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


def table(found: Sensitivity) -> str:
    """All layers in running order, and the whole program."""
    rows = [*map(list, HEAD), *(_row(layer) for layer in found.layers)]
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
