"""Confusion matrix: a row for each true class, a column for each answer, in per cent of the true class."""

from collections.abc import Sequence

from markupsafe import Markup

from bench.report.plots.canvas import Canvas, Margins, fitted

ROW, LEFT = 27, 118
"""Pixels: of a row, and for the names of the classes."""
HALF = 0.5
"""Share from which on a cell is dark in light, light in dark."""
MOST_CLASSES = 16
"""More do not fit beside one another on a phone; the list of the commonest confusions stands alone then."""


def confusion(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> Markup:
    """The picture. counts (K, K): row = true class, column = answer."""
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
