"""Macro accuracy of parts of the test clips: by device, class or city, with intervals, and the float twin as a mark."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from bench.measure.accuracy.findings import PartAccuracy
from bench.report.plots.bars import Bar, bars
from bench.report.plots.canvas import Scale
from bench.report.words import interval, percent

HEARD, NOT_HEARD = "heard in training", "not heard in training"


def parts(
    kind: str,
    found: Mapping[str, PartAccuracy],
    reference: Mapping[str, PartAccuracy] | None = None,
    heard: Sequence[str] | None = None,
) -> Markup:
    """The picture.

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
