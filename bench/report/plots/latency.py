"""Milliseconds of one inference on one thread: measured here by runtime, and on targets, measured or estimated."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from bench.report.plots.bars import Bar, bars
from bench.report.plots.canvas import Scale
from bench.report.words import milliseconds


def latency(
    variants: Sequence[Mapping[str, Any]], targets: Sequence[Mapping[str, Any]], files: Mapping[str, Mapping[str, Any]]
) -> Markup:
    """The picture.

    Args:
        variants: of `bench.measure.latency`.
        targets: results of `bench.boards.device.result`.
        files: of the report's subject: name -> title, integer, ...
    """
    rows = [_measured(one, files, one["runtime"]) for one in variants if one["threads"] == 1]
    order = list(dict.fromkeys(row.heading for row in rows))
    rows.sort(key=lambda row: order.index(row.heading))
    for target in targets:
        board = target["board"]["name"]
        first = [one for one in target["latency"] if one["threads"] == 1 and one["file"] in files]
        rows += [_measured(one, files, f"{board}, measured there") for one in first]
        known = [one for one in target["estimates"] if one["milliseconds"] is not None and one["file"] in files]
        rows += [_estimated(one, files) for one in known]
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


def _measured(one: Mapping[str, Any], files: Mapping[str, Mapping[str, Any]], heading: str) -> Bar:
    p95 = f", 95th percentile {milliseconds(one['p95'])}" if one["p95"] is not None else ""
    file = files[one["file"]]
    return Bar(
        name=file["title"],
        value=one["median"],
        text=milliseconds(one["median"]),
        kind="drop-in" if file["drop_in"] else "int8" if file["integer"] else "float",
        span=None if one["p95"] is None else (one["median"], one["p95"]),
        hint=f"{one['file']}: median {milliseconds(one['median'])}{p95}, {one['runs']} runs",
        heading=heading,
    )


def _estimated(one: Mapping[str, Any], files: Mapping[str, Mapping[str, Any]]) -> Bar:
    band = f"{milliseconds(one['low'])} to {milliseconds(one['high'])}"
    return Bar(
        name=files[one["file"]]["title"],
        value=one["milliseconds"],
        text=f"≈ {milliseconds(one['milliseconds'])}",
        kind="int8",
        span=(one["low"], one["high"]),
        estimated=True,
        hint=f"{one['file']}: estimated at {milliseconds(one['milliseconds'])}, between {band}",
        heading=f"{one['board']}, estimated",
    )
