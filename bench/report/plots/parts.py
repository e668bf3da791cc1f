"""Macro accuracy of parts of the test clips: by device, class or city, with intervals, and the float twin as a mark."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from bench.report.plots.bars import Bar, bars
from bench.report.plots.canvas import Scale
from bench.report.words import interval, percent

HEARD, NOT_HEARD = "heard in training", "not heard in training"


def parts(
    kind: str,
    found: Mapping[str, Mapping[str, Any]],
    reference: Mapping[str, Mapping[str, Any]] | None = None,
    heard: Sequence[str] | None = None,
) -> Markup:
    """The picture.

    Args:
        kind: of the parts, for the title: device, class or city.
        found: name -> part of `bench.measure.accuracy`.
        reference: the same of the float twin.
        heard: names that the model heard in training, which stand first; none: not told apart.
    """
    names = list(found) if heard is None else sorted(found, key=lambda name: name not in heard)
    rows = []
    for name in names:
        part, twin = found[name], (reference or {}).get(name)
        hint = f"{name}: {percent(part['macro'])}, interval {interval(part['interval'])}, {part['n']} clips"
        rows.append(
            Bar(
                name=name.replace("_", " "),
                value=part["macro"],
                text=percent(part["macro"]),
                kind="unseen" if heard is not None and name not in heard else "int8",
                span=None if part["interval"] is None else (part["interval"][0], part["interval"][1]),
                tick=None if twin is None else twin["macro"],
                hint=hint if twin is None else f"{hint}; float {percent(twin['macro'])}",
                heading="" if heard is None else HEARD if name in heard else NOT_HEARD,
            )
        )
    return bars(f"Macro accuracy by {kind}", rows, Scale(0, 1), lambda share: percent(share, 0))
