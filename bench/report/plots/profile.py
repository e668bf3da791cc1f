"""What each operation takes of the time of one inference, the longest first."""

from markupsafe import Markup

from bench.measure.latency.profile import Profile, Step
from bench.report.plots.bars import Bar, bars
from bench.report.plots.canvas import Scale
from bench.report.plots.layers import short_name
from bench.report.words import percent, three_digits

MOST = 12
"""Steps that are shown one by one."""


def profile(found: Profile) -> Markup:
    """The picture: the MOST longest steps, and all others as one row."""
    steps = sorted(found.steps, key=lambda step: -step.microseconds)
    rows = [_bar(step, found.share(step.microseconds)) for step in steps[:MOST]]
    rest = steps[MOST:]
    if len(rest) == 1:  # takes no more room than what would stand for it
        rows.append(_bar(rest[0], found.share(rest[0].microseconds)))
    elif rest:
        time = sum(step.microseconds for step in rest)
        rows.append(Bar(f"{len(rest)} others", time, _text(time, found.share(time)), "float"))
    most = max((row.value for row in rows), default=1) or 1
    title = "Microseconds by operation"
    return bars(title, rows, Scale(0, most), lambda time: f"{time:g}", axis="microseconds", left=132, right=88)


def _bar(step: Step, share: float) -> Bar:
    return Bar(
        name=_name(step),
        value=max(0.0, step.microseconds),
        text=_text(step.microseconds, share),
        kind="int8",
        span=step.interval,
        hint=f"{' + '.join(step.operations)} {step.name}: {step.microseconds:.2f} µs, {step.macs:,} MACs",
    )


def _name(step: Step) -> str:
    """Its places in running order and the operation that counts most among them, the last one."""
    if not step.layers:
        return step.name
    first, last = step.layers[0] + 1, step.layers[-1] + 1
    return f"{first if first == last else f'{first}–{last}'}  {short_name(step.operations[-1])}"


def _text(microseconds: float, share: float) -> str:
    """A difference of two times may come out below 0 by chance: that is no time."""
    return f"{three_digits(max(0.0, microseconds))} · {percent(max(0.0, share), 0)}"
