"""How well the files answer: part by part with intervals, class against class, and clip by clip in two files."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from bench.measure.accuracy import pairs
from bench.measure.accuracy.findings import PartAccuracy
from bench.report.plots.bars import Bar, bars
from bench.report.plots.canvas import Canvas, Margins, Scale, fitted
from bench.report.words import interval, percent

HEARD, NOT_HEARD = "heard in training", "not heard in training"
ROW, LEFT = 27, 118
"""Pixels of the confusion matrix: of a row, and for the names of the classes."""
HALF = 0.5
"""Share from which on a cell is dark in light, light in dark."""
MOST_CLASSES = 16
"""More do not fit beside one another on a phone; the list of the commonest confusions stands alone then."""
HEIGHT = 300
"""Pixels of the picture of margins."""


def parts(
    kind: str,
    found: Mapping[str, PartAccuracy],
    reference: Mapping[str, PartAccuracy] | None = None,
    heard: Sequence[str] | None = None,
) -> Markup:
    """Draw the macro accuracy of parts of the test clips, with intervals, and the float twin as a mark.

    Args:
        kind: of the parts, for the title: device, class or city.
        found: by name.
        reference: the same of the float twin.
        heard: names that the model heard in training, which stand first; none: not told apart.
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
        f"Margin of the true class in {first} against {second}",
        HEIGHT,
        Margins(left=44, right=8, top=6, bottom=42),
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
