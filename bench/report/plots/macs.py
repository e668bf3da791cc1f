"""Macro accuracy against multiply-accumulates: what is judged here over published systems as numbered points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bench.measure.figure import QUOTED, Provenance
from bench.report.plots.canvas import Canvas, Margins, Scale
from bench.report.words import percent, short

HEIGHT, NARROW = 330, 270
"""Pixels: the plot's height, and its width on a phone, at which labels are kept apart."""
RIGHT_END = 1.15e8
"""Where the axis ends; a full PaSST lies far beyond."""
AROUND = (
    (0, -13),
    (0, 13),
    (13, 0),
    (-13, 0),
    (11, -11),
    (-11, -11),
    (11, 11),
    (-11, 11),
    (0, -25),
    (0, 25),
    (25, 0),
    (-25, 0),
)
"""Where a point's number may stand, pixels right and down of it, best first."""
APART = 14
"""Least distance between two labels' middles, or of a label from another point, pixels."""


@dataclass(frozen=True)
class Point:
    """One model."""

    name: str
    macs: float
    accuracy: float
    kind: str = "published"
    """Class of style.css."""
    provenance: Provenance = QUOTED
    """Of its accuracy."""


@dataclass(frozen=True)
class Chart:
    """What the picture shows."""

    own: Sequence[Point]
    """What is judged; named beside the picture."""
    published: Sequence[Point]
    """Labelled by number, from 1."""
    lines: Mapping[str, float]
    """Accuracies of models whose cost is unknown or off the axis, by name."""
    at: Mapping[str, float]
    """MACs of models whose accuracy is unknown, by name."""
    limit: float
    """MACs that the rules allow."""


def accuracy_against_macs(chart: Chart) -> Markup:
    """The picture."""
    points = [*chart.own, *chart.published]
    accuracies = [point.accuracy for point in points] + list(chart.lines.values())
    costs = [max(1.0, macs) for macs in (*(point.macs for point in chart.own), *chart.at.values())]
    across = Scale(min([8e5, *(0.6 * macs for macs in costs)]), max([RIGHT_END, *(1.3 * macs for macs in costs)]), True)
    up = Scale(max(0.0, min(accuracies) - 0.05), min(1.0, max(accuracies) + 0.06))
    canvas = Canvas("Macro accuracy against multiply-accumulates", HEIGHT, Margins(left=50, right=12, top=8, bottom=46))
    _axes(canvas, across, up)
    canvas.line(across(chart.limit), 0, across(chart.limit), HEIGHT, "limit")
    canvas.text(across(chart.limit), HEIGHT - 10, "limit", "bad", right=6)
    for name, accuracy in chart.lines.items():
        y = HEIGHT * (1 - up(accuracy))
        canvas.line(0, y, 1, y, "level")
        canvas.text(0, y - 9, f"{name} {percent(accuracy)}", "faint", right=6)
    for name, macs in chart.at.items():
        x = across(macs)
        canvas.line(x, 0, x, HEIGHT, "level")
        anchor, right = ("end", -6) if x > 0.5 else ("start", 6)
        canvas.text(x, 10, f"{name}, {short(macs)} MACs", "over", anchor=anchor, right=right)
    places = [(across(point.macs), HEIGHT * (1 - up(point.accuracy))) for point in points]
    behind = list(zip(chart.published, places[len(chart.own) :], strict=True))
    for number, (point, (x, y)) in enumerate(behind, start=1):
        canvas.circle(x, y, 4.5, "published", hint=f"{number}. {_described(point)}")
    for number, ((_, (x, y)), (right, down)) in enumerate(zip(behind, _apart(places, len(chart.own)), strict=True), 1):
        canvas.text(x, y + down, str(number), "faint over", anchor="middle", right=right)
    for point, (x, y) in reversed(list(zip(chart.own, places, strict=False))):  # the first on top
        canvas.circle(x, y, 6.5, f"own {point.kind}", hint=_described(point))
    return canvas.markup()


def _axes(canvas: Canvas, across: Scale, up: Scale) -> None:
    for tick in up.ticks(6):
        y = HEIGHT * (1 - up(tick))
        canvas.line(0, y, 1, y, "grid")
        canvas.text(0, y, percent(tick, 0), "tick", anchor="end", right=-8)
    for tick in across.ticks():
        canvas.line(across(tick), 0, across(tick), HEIGHT, "grid")
        canvas.text(across(tick), HEIGHT + 14, short(tick), "tick", anchor="middle")
    canvas.text(0.5, HEIGHT + 34, "multiply-accumulates for one second of sound", "tick", anchor="middle")


def _described(point: Point) -> str:
    return f"{point.name}: {percent(point.accuracy)}, {short(point.macs)} MACs"


def _apart(places: Sequence[tuple[float, float]], first: int) -> list[tuple[float, float]]:
    """For each place from `first` on, where its label stands: where it hits no point and no label before it."""
    points = [(NARROW * x, y) for x, y in places]
    labels: list[tuple[float, float]] = []
    chosen = []
    for x, y in points[first:]:

        def room(offset: tuple[float, float], x: float = x, y: float = y) -> float:
            spots = [other for other in points if other != (x, y)] + labels
            nearest = min((max(abs(x + offset[0] - a), abs(y + offset[1] - b)) for a, b in spots), default=APART)
            inside = 0 <= x + offset[0] <= NARROW and 0 <= y + offset[1] <= HEIGHT
            return min(nearest, APART) if inside else -1

        best = max(AROUND, key=room)  # the first of equals: the nearest
        labels.append((x + best[0], y + best[1]))
        chosen.append(best)
    return chosen
