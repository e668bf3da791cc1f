"""Milliseconds of one inference on one thread: measured here by runtime, and on targets, measured or estimated."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from bench.boards.device.result import TargetEstimate, TargetLatency, TargetResult
from bench.measure.latency.measure import TimedVariant
from bench.measure.subject import File
from bench.report.plots.bars import Bar, bars
from bench.report.plots.canvas import Scale
from bench.report.words import milliseconds


def latency(variants: Sequence[TimedVariant], targets: Sequence[TargetResult], files: Mapping[str, File]) -> Markup:
    """The picture.

    Args:
        variants: timed on this machine.
        targets: results of other machines.
        files: of the report, by name.
    """
    rows = [_measured(one, files[one.file], one.runtime) for one in variants if one.threads == 1]
    order = list(dict.fromkeys(row.heading for row in rows))
    rows.sort(key=lambda row: order.index(row.heading))
    for target in targets:
        first = [one for one in target.latency if one.threads == 1 and one.file in files]
        rows += [_measured(one, files[one.file], f"{target.board.name}, measured there") for one in first]
        rows += [
            _estimated(one, files[one.file]) for one in target.estimates if one.file in files and one.milliseconds.value
        ]
    # By what is drawn as a bar or a band: on a busy machine the 95th percentile may be many times the median.
    most = max(max(1.1 * row.value, row.span[1] if row.span and row.estimated else 0) for row in rows)
    return bars(
        "Latency of one inference on one thread",
        rows,
        Scale(0, most),
        lambda time: f"{time:g}",
        axis="milliseconds",
        left=156,
        right=78,
    )


def _measured(one: TimedVariant | TargetLatency, file: File, heading: str) -> Bar:
    median, p95 = one.median.value or 0.0, one.p95.value
    tail = "" if p95 is None else f", 95th percentile {milliseconds(p95)}"
    return Bar(
        name=file.title,
        value=median,
        text=milliseconds(median),
        kind="drop-in" if file.drop_in else "int8" if file.integer else "float",
        span=None if p95 is None else (median, p95),
        hint=f"{one.file}: median {milliseconds(median)}{tail}, {one.runs} runs",
        heading=heading,
    )


def _estimated(one: TargetEstimate, file: File) -> Bar:
    value, band = one.milliseconds.value or 0.0, one.milliseconds.interval or (0.0, 0.0)
    return Bar(
        name=file.title,
        value=value,
        text=f"≈ {milliseconds(value)}",
        kind="int8",
        span=band,
        estimated=True,
        hint=f"{one.file}: estimated at {milliseconds(value)}, between {' to '.join(map(milliseconds, band))}",
        heading=f"{one.board}, estimated",
    )
