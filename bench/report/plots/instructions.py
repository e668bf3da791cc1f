"""Instructions of one inference by class, a bar for each file on each emulated target."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from bench.report.plots.canvas import Canvas, Margins
from bench.report.words import percent, short

ROW, THICK = 44, 16
"""Pixels."""


def instructions(found: Sequence[tuple[str, Mapping[str, Any]]]) -> Markup:
    """The picture. found: what a bar is called, and its entry of a target's `instructions`."""
    order = classes(found)
    longest = max(entry["total"] for _, entry in found)
    canvas = Canvas(
        "Instructions of one inference by class", ROW * len(found), Margins(left=2, right=70, top=2, bottom=2)
    )
    for row, (name, entry) in enumerate(found):
        canvas.text(0, ROW * row + 11, name)
        left, y = 0.0, ROW * row + 22
        for place, kind in enumerate(order):
            count = entry["classes"].get(kind, 0)
            hint = f"{words(kind)}: {count:,}, {percent(count / entry['total'])}"
            canvas.rectangle(left, y, count / longest, THICK, f"class-{place % 8}", hint)
            left += count / longest
        canvas.text(left, y + THICK / 2, short(entry["total"]), "value", right=7)
    return canvas.markup()


def classes(found: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """Every class that any entry has, in the order of the first one."""
    return list(dict.fromkeys(kind for _, entry in found for kind in entry["classes"]))


def words(kind: str) -> str:
    """integer_mac -> integer mac."""
    return kind.replace("_", " ")
