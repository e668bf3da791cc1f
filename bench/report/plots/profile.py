"""What each operation takes of the time of one inference, the longest first."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from bench.report.plots.bars import Bar, bars
from bench.report.plots.canvas import Scale
from bench.report.plots.layers import short_name
from bench.report.words import percent, three_digits

MOST = 12
"""Steps that are shown one by one."""


def profile(found: Mapping[str, Any]) -> Markup:
    """The picture of a profile of `bench.measure.latency`: the MOST longest steps, and all others as one row."""
    steps = sorted(found["steps"], key=lambda step: -step["microseconds"])
    rows = [_bar(step) for step in steps[:MOST]]
    rest = steps[MOST:]
    if len(rest) == 1:  # takes no more room than what would stand for it
        rows.append(_bar(rest[0]))
    elif rest:
        microseconds, share = (sum(step[key] for step in rest) for key in ("microseconds", "share"))
        rows.append(Bar(f"{len(rest)} others", microseconds, _text(microseconds, share), "float"))
    most = max((row.value for row in rows), default=1) or 1
    title = "Microseconds by operation"
    return bars(title, rows, Scale(0, most), lambda time: f"{time:g}", axis="microseconds", left=132, right=88)


def _bar(step: Mapping[str, Any]) -> Bar:
    return Bar(
        name=_name(step),
        value=max(0.0, step["microseconds"]),
        text=_text(step["microseconds"], step["share"]),
        kind="int8",
        span=None if step["interval"] is None else (step["interval"][0], step["interval"][1]),
        hint=f"{' + '.join(step['operations'])} {step['name']}: {step['microseconds']:.2f} µs, {step['macs']:,} MACs",
    )


def _name(step: Mapping[str, Any]) -> str:
    """Its places in running order and the operation that counts most among them, the last one."""
    if not step["layers"]:
        return str(step["name"])
    first, last = step["layers"][0] + 1, step["layers"][-1] + 1
    return f"{first if first == last else f'{first}–{last}'}  {short_name(step['operations'][-1])}"


def _text(microseconds: float, share: float) -> str:
    """A difference of two times may come out below 0 by chance: that is no time."""
    return f"{three_digits(max(0.0, microseconds))} · {percent(max(0.0, share), 0)}"
