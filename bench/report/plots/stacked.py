"""Bars that are sums, a row each, with their parts in different colours which a key beside names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bench.report.plots.canvas import Canvas, Margins
from bench.report.words import percent

ROW, THICK = 42, 16
"""Pixels."""
COLOURS = 8
"""Classes part-0 to part-7 of style.css."""


@dataclass(frozen=True)
class Stack:
    """One row."""

    name: str
    parts: Mapping[str, float]
    """In the order in which they are drawn."""
    text: str
    """Written behind the bar."""


def stacked(title: str, rows: Sequence[Stack]) -> Markup:
    """The picture; equal names of parts have equal colours, numbered as in `colours`."""
    colour = colours(rows)
    longest = max((sum(row.parts.values()) for row in rows), default=0) or 1
    canvas = Canvas(title, ROW * len(rows), Margins(left=1, right=74, top=2, bottom=2))
    for place, row in enumerate(rows):
        top, left, total = ROW * place, 0.0, sum(row.parts.values()) or 1
        canvas.text(0, top + 11, row.name)
        for name, value in row.parts.items():
            hint = f"{name}: {percent(value / total)} of {row.text}"
            canvas.rectangle(left, top + 21, value / longest, THICK, f"part-{colour[name]}", hint=hint)
            left += value / longest
        canvas.text(left, top + 21 + THICK / 2, row.text, "value", right=7)
    return canvas.markup()


def colours(rows: Sequence[Stack]) -> dict[str, int]:
    """The number of each part's colour, in the order in which the parts first occur."""
    names = dict.fromkeys(name for row in rows for name in row.parts)
    return {name: place % COLOURS for place, name in enumerate(names)}
