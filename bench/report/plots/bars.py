"""Horizontal bars, a row each, and stacked bars."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bench.report.plots.canvas import Canvas, Margins, Scale, fitted
from bench.report.words import percent

ROW, THICK, HEADING = 26, 15, 24
"""Pixels: from bar to bar, of a bar, and of a heading between bars."""
STACK_ROW, STACK_THICK = 42, 16
COLOURS = 8
"""Classes part-0 to part-7 of style.css."""


@dataclass(frozen=True)
class Bar:
    """One row."""

    name: str
    value: float
    text: str
    """Written at the right end of the row."""
    kind: str
    """Class of style.css: int8, float, unseen or drop-in."""
    span: tuple[float, float] | None = None
    """Interval or percentile range, drawn as a line."""
    tick: float | None = None
    """A second value, drawn as a mark."""
    estimated: bool = False
    """Drawn hollow, its span as a hatched band around a mark."""
    hint: str = ""
    heading: str = ""
    """Written above the first bar of several that share it."""


def bars(
    title: str,
    rows: Sequence[Bar],
    scale: Scale,
    write: Callable[[float], str],
    *,
    axis: str = "",
    left: int = 118,
    right: int = 66,
) -> Markup:
    """Draw rows from top to bottom; below them the ticks of `scale`, as `write` writes them, and the words of `axis`.

    `left` and `right`: pixels for the names and the values.
    """
    places, y, heading = [], 0.0, ""
    for row in rows:
        if row.heading and row.heading != heading:
            y += HEADING
        heading = row.heading
        places.append(y)
        y += ROW
    canvas = Canvas(title, y, Margins(left=left, right=right, top=4, bottom=44 if axis else 26))
    for tick in scale.ticks(4):
        canvas.line(scale(tick), 0, scale(tick), y, "grid")
        canvas.text(scale(tick), y + 13, write(tick), "tick", anchor="middle")
    if axis:
        canvas.text(0.5, y + 33, axis, "tick", anchor="middle")
    heading = ""
    for row, top in zip(rows, places, strict=True):
        if row.heading and row.heading != heading:
            canvas.text(0, top - HEADING / 2 + 2, row.heading, "heading", right=8 - left)
        heading = row.heading
        canvas.text(0, top + ROW / 2, fitted(row.name, left - 9), anchor="end", right=-9)
        _draw(canvas, row, top, scale)
    return canvas.markup()


def _draw(canvas: Canvas, row: Bar, top: float, scale: Scale) -> None:
    edge, middle = top + (ROW - THICK) / 2, top + ROW / 2
    start = scale(scale.low)
    hint = row.hint or f"{row.name}: {row.text}"
    canvas.text(1, middle, row.text, "value", right=9)
    kind = "hollow" if row.estimated else f"bar {row.kind}"
    canvas.rectangle(start, edge, scale(row.value) - start, THICK, kind, hint=hint)
    if row.span is not None:
        low, high = scale(row.span[0]), scale(row.span[1])
        if row.estimated:
            canvas.rectangle(low, edge, high - low, THICK, "band", hint=hint)
            canvas.line(scale(row.value), edge - 2, scale(row.value), edge + THICK + 2, "span")
        else:
            canvas.line(low, middle, high, middle, "span")
            for end, place in zip(row.span, (low, high), strict=True):
                if end <= scale.high:  # beyond, the line goes on
                    canvas.line(place, middle - 3.5, place, middle + 3.5, "span")
    if row.tick is not None:
        canvas.line(scale(row.tick), edge - 2, scale(row.tick), edge + THICK + 2, "mark")


@dataclass(frozen=True)
class Stack:
    """One row."""

    name: str
    parts: Mapping[str, float]
    text: str


def stacked(title: str, rows: Sequence[Stack]) -> Markup:
    """Draw stacked bars; equal names of parts have equal colours, numbered as in `colours`."""
    colour = colours(rows)
    longest = max((sum(row.parts.values()) for row in rows), default=0) or 1
    canvas = Canvas(title, STACK_ROW * len(rows), Margins(left=1, right=74, top=2, bottom=2))
    for place, row in enumerate(rows):
        top, left, total = STACK_ROW * place, 0.0, sum(row.parts.values()) or 1
        canvas.text(0, top + 11, row.name)
        for name, value in row.parts.items():
            hint = f"{name}: {percent(value / total)} of {row.text}"
            canvas.rectangle(left, top + 21, value / longest, STACK_THICK, f"part-{colour[name]}", hint=hint)
            left += value / longest
        canvas.text(left, top + 21 + STACK_THICK / 2, row.text, "value", right=7)
    return canvas.markup()


def colours(rows: Sequence[Stack]) -> dict[str, int]:
    """The number of each part's colour, in the order in which the parts first occur."""
    names = dict.fromkeys(name for row in rows for name in row.parts)
    return {name: place % COLOURS for place, name in enumerate(names)}
