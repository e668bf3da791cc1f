"""How clearly two files answer the same clips: a point a clip, the margin in the one against that in the other."""

from markupsafe import Markup

from bench.measure.accuracy.pairs import Margins
from bench.report.plots import canvas as drawing
from bench.report.plots.canvas import Canvas, Scale

HEIGHT = 300
"""Pixels."""


def margins(found: Margins, first: str, second: str) -> Markup:
    """The picture; a margin above 0 is a right answer."""
    values = [*found.first, *found.second, -1, 1]
    scale = Scale(min(values), max(values))
    canvas = Canvas(
        f"Margin of the true class in {first} against {second}",
        HEIGHT,
        drawing.Margins(left=44, right=8, top=6, bottom=42),
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
