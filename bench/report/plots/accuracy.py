"""Accuracy: part by part with intervals, class against class, clip by clip in two files, and against MACs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bench.measure.accuracy import pairs
from bench.measure.accuracy.findings import PartAccuracy
from bench.measure.figure import QUOTED, Provenance
from bench.report.plots.bars import Bar, bars
from bench.report.plots.canvas import Canvas, Margins, Scale, fitted
from bench.report.words import interval, percent, short

HEARD, NOT_HEARD = "heard in training", "not heard in training"
ROW, LEFT = 27, 118
"""Pixels of the confusion matrix: of a row, and for the names of the classes."""
HALF = 0.5
"""Share from which on a cell is dark in light, light in dark."""
MOST_CLASSES = 16
"""More do not fit beside one another on a phone; the list of the commonest confusions stands alone then."""
HEIGHT = 300
"""Pixels of the picture of margins."""
CHART, NARROW = 330, 270
"""Pixels of the chart: its height, and its width on a phone, at which labels are kept apart."""
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


def parts(
    kind: str,
    found: Mapping[str, PartAccuracy],
    reference: Mapping[str, PartAccuracy] | None = None,
    heard: Sequence[str] | None = None,
) -> Markup:
    """Draw the macro accuracy of parts of the test clips, with intervals, and the float twin as a mark.

    `heard`: names of the training split, which stand first; None: not told apart.
    """
    names = list(found) if heard is None else sorted(found, key=lambda name: name not in heard)
    rows = []
    for name in names:
        macro, twin = found[name].macro, (reference or {}).get(name)
        hint = f"{name}: {percent(macro.value)}, interval {interval(macro.interval)}, {found[name].clips} clips"
        rows.append(
            Bar(
                name=name.replace("_", " "),
                value=macro.value or 0.0,
                text=percent(macro.value),
                kind="unseen" if heard is not None and name not in heard else "int8",
                span=macro.interval,
                tick=None if twin is None else twin.macro.value,
                hint=hint if twin is None else f"{hint}; float {percent(twin.macro.value)}",
                heading="" if heard is None else HEARD if name in heard else NOT_HEARD,
            )
        )
    return bars(f"Macro accuracy by {kind}", rows, Scale(0, 1), lambda share: percent(share, 0))


def confusion(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> Markup:
    """Draw a row for each true class and a column for each answer, in per cent of the true class; counts (K, K)."""
    words = [fitted(label.replace("_", " "), LEFT - 9) for label in labels]
    each, height = 1 / len(labels), ROW * len(labels)
    margins = Margins(left=LEFT, right=4, top=22, bottom=92)
    canvas = Canvas("Confusion matrix, per cent of each true class", height, margins)
    canvas.text(0, -13, "truth ↓   answer →", "faint", anchor="end", right=-9)
    for row, name in enumerate(words):
        total = max(1, sum(counts[row]))
        y = ROW * row
        canvas.text(0, y + ROW / 2, name, anchor="end", right=-9)
        canvas.text(each * (row + 0.5), height + 10, name, "tick", anchor="end", turn=-42)
        for column, answer in enumerate(words):
            share = counts[row][column] / total
            hint = f"{name} answered as {answer}: {counts[row][column]} of {total}"
            canvas.rectangle(each * column, y, each, ROW, "heat", hint=hint, opacity=_depth(share))
            if round(100 * share):
                kind = "cell on" if share > HALF else "cell"
                canvas.text(each * (column + 0.5), y + ROW / 2, f"{100 * share:.0f}", kind, anchor="middle")
    return canvas.markup()


def _depth(share: float) -> float:
    """How deep a cell's colour is. Between half and nine tenths neither dark nor light words can be read on it."""
    return share if share <= HALF else 0.8 + 0.2 * share


def commonest(labels: Sequence[str], counts: Sequence[Sequence[int]], most: int = 5) -> list[tuple[str, str, float]]:
    """The wrong answers that are given most often: true class, answer, share of the true class's clips."""
    found = [
        (labels[row], labels[column], counts[row][column] / max(1, sum(counts[row])))
        for row in range(len(labels))
        for column in range(len(labels))
        if row != column and counts[row][column]
    ]
    return sorted(found, key=lambda one: -one[2])[:most]


def margins(found: pairs.Margins, first: str, second: str) -> Markup:
    """Draw a point a clip, its margin in the one file against that in the other; above 0 the answer is right."""
    values = [*found.first, *found.second, -1, 1]
    scale = Scale(min(values), max(values))
    canvas = Canvas(
        f"Margin of the true class in {first} against {second}", HEIGHT, Margins(left=44, right=8, top=6, bottom=42)
    )
    for tick in scale.ticks(6):
        kind = "zero" if tick == 0 else "grid"
        canvas.line(scale(tick), 0, scale(tick), HEIGHT, kind)
        canvas.line(0, HEIGHT * (1 - scale(tick)), 1, HEIGHT * (1 - scale(tick)), kind)
        canvas.text(scale(tick), HEIGHT + 13, f"{tick:g}", "tick", anchor="middle")
        canvas.text(0, HEIGHT * (1 - scale(tick)), f"{tick:g}", "tick", anchor="end", right=-8)
    canvas.text(0.5, HEIGHT + 32, f"{second}, nats", "tick", anchor="middle")
    canvas.text(0, -2, f"{first}, nats", "tick", right=6)
    canvas.curve([(0, 1), (1, 0)], "same")
    points = list(zip(found.first, found.second, found.right_first, found.right_second, strict=True))
    for kind, chosen in (("agree", True), ("differ", False)):
        places = [(scale(x), 1 - scale(y)) for y, x, one, other in points if (one == other) == chosen]
        if places:
            canvas.dots(places, kind)
    return canvas.markup()


@dataclass(frozen=True)
class Point:
    """One model."""

    name: str
    macs: float
    accuracy: float
    kind: str = "published"
    """Class of style.css."""
    provenance: Provenance = QUOTED


@dataclass(frozen=True)
class Chart:
    """What the picture shows."""

    own: Sequence[Point]
    published: Sequence[Point]
    lines: Mapping[str, float]
    """Accuracies of models whose cost is unknown or off the axis, by name."""
    at: Mapping[str, float]
    """MACs of models whose accuracy is unknown, by name."""
    limit: float


def accuracy_against_macs(chart: Chart) -> Markup:
    """Draw the chart."""
    points = [*chart.own, *chart.published]
    accuracies = [point.accuracy for point in points] + list(chart.lines.values())
    costs = [max(1.0, macs) for macs in (*(point.macs for point in chart.own), *chart.at.values())]
    across = Scale(min([8e5, *(0.6 * macs for macs in costs)]), max([RIGHT_END, *(1.3 * macs for macs in costs)]), True)
    up = Scale(max(0.0, min(accuracies) - 0.05), min(1.0, max(accuracies) + 0.06))
    canvas = Canvas("Macro accuracy against multiply-accumulates", CHART, Margins(left=50, right=12, top=8, bottom=46))
    for tick in up.ticks(6):
        y = CHART * (1 - up(tick))
        canvas.line(0, y, 1, y, "grid")
        canvas.text(0, y, percent(tick, 0), "tick", anchor="end", right=-8)
    for tick in across.ticks():
        canvas.line(across(tick), 0, across(tick), CHART, "grid")
        canvas.text(across(tick), CHART + 14, short(tick), "tick", anchor="middle")
    canvas.text(0.5, CHART + 34, "multiply-accumulates for one second of sound", "tick", anchor="middle")
    canvas.line(across(chart.limit), 0, across(chart.limit), CHART, "limit")
    canvas.text(across(chart.limit), CHART - 10, "limit", "bad", right=6)
    for name, accuracy in chart.lines.items():
        y = CHART * (1 - up(accuracy))
        canvas.line(0, y, 1, y, "level")
        canvas.text(0, y - 9, f"{name} {percent(accuracy)}", "faint", right=6)
    for name, macs in chart.at.items():
        x = across(macs)
        canvas.line(x, 0, x, CHART, "level")
        anchor, right = ("end", -6) if x > 0.5 else ("start", 6)
        canvas.text(x, 10, f"{name}, {short(macs)} MACs", "over", anchor=anchor, right=right)
    places = [(across(point.macs), CHART * (1 - up(point.accuracy))) for point in points]
    behind = list(zip(chart.published, places[len(chart.own) :], strict=True))
    for number, (point, (x, y)) in enumerate(behind, start=1):
        canvas.circle(x, y, 4.5, "published", hint=f"{number}. {_described(point)}")
    for number, ((_, (x, y)), (right, down)) in enumerate(zip(behind, _apart(places, len(chart.own)), strict=True), 1):
        canvas.text(x, y + down, str(number), "faint over", anchor="middle", right=right)
    for point, (x, y) in reversed(list(zip(chart.own, places, strict=False))):  # the first on top
        canvas.circle(x, y, 6.5, f"own {point.kind}", hint=_described(point))
    return canvas.markup()


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
            inside = 0 <= x + offset[0] <= NARROW and 0 <= y + offset[1] <= CHART
            return min(nearest, APART) if inside else -1

        best = max(AROUND, key=room)  # the first of equals: the nearest
        labels.append((x + best[0], y + best[1]))
        chosen.append(best)
    return chosen
