"""The pictures of the report: matplotlib figures as inline SVG with real text, so that the page needs no other file."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from bench.latency.rounds import Latency
from bench.report.published import PUBLISHED
from tinyasc.metrics import Score

INK, MUTED, GRID = "#1c2733", "#66748a", "#e3e8ef"
SEEN, UNSEEN, FLOAT = "#0f766e", "#d97706", "#94a3b8"
LIMIT = "#b42318"
RIGHT_END = 1.15e8
"""Where the axis of multiply-accumulates ends; a full PaSST lies far beyond."""
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tinyasc",  # the same numbers give the same bytes
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
}


def devices(int8: Score, float_: Score, train_devices: Sequence[str]) -> str:
    """Macro accuracy by device: INT8 bars with 95 % intervals, seen and unseen in two colours, float as a tick."""
    names = sorted(int8.per_device, key=lambda name: (name not in train_devices, list(int8.per_device).index(name)))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5, 0.7 + 0.42 * len(names)))
        axes = figure.add_subplot()
        for row, name in enumerate(names):
            value, interval = int8.per_device[name].macro, int8.per_device[name].interval
            colour = SEEN if name in train_devices else UNSEEN
            axes.barh(row, value, height=0.62, color=colour, alpha=0.85)
            if interval is not None:
                axes.plot(interval, [row, row], color=INK, linewidth=1.4, solid_capstyle="butt")
            twin = float_.per_device[name].macro
            axes.plot([twin, twin], [row - 0.31, row + 0.31], color=INK, linewidth=1, dashes=(2, 1.5))
            axes.text(1.02, row, f"{100 * value:.1f} %", va="center", ha="left", transform=axes.get_yaxis_transform())
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        axes.grid(axis="x", color=GRID)
        axes.set_axisbelow(True)
        return _svg(figure, "Macro accuracy by recording device")


def confusion(score: Score, labels: Sequence[str]) -> str:
    """Confusion matrix in per cent of each true class: rows are the truth, columns the answer."""
    counts = score.confusion
    share = counts / counts.sum(axis=1, keepdims=True).clip(1)
    side = max(4.2, 0.46 * len(labels) + 1.2)
    with mpl.rc_context({**STYLE, "axes.spines.left": False, "axes.spines.bottom": False}):
        figure = Figure(figsize=(side + 0.6, side))
        axes = figure.add_subplot()
        axes.pcolormesh(share, cmap=_ramp(), vmin=0, vmax=1, edgecolors="white", linewidth=1)
        axes.set_aspect("equal")
        axes.invert_yaxis()
        for row in range(len(labels)):
            for column in range(len(labels)):
                if (per_cent := round(100 * share[row, column])) > 0:
                    colour = "white" if share[row, column] > 0.5 else INK
                    axes.text(column + 0.5, row + 0.5, str(per_cent), ha="center", va="center", color=colour)
        words = [label.replace("_", " ") for label in labels]
        middles = [place + 0.5 for place in range(len(labels))]
        axes.set_xticks(middles, words, rotation=40, ha="right", rotation_mode="anchor", color=INK)
        axes.set_yticks(middles, words)
        axes.set_xlabel("answer")
        axes.set_ylabel("truth")
        return _svg(figure, "Confusion matrix, per cent of each true scene")


def accuracy_against_macs(
    own: Mapping[str, tuple[float, float]], teacher: tuple[float | None, float] | None, limit: float
) -> str:
    """Our models (name -> MACs, accuracy) over numbered published systems; a teacher off the axis as a line."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.2, 4))
        axes = figure.add_subplot()
        for number, system in enumerate(PUBLISHED, start=1):
            axes.plot(system.macs, system.accuracy, "o", color="white", markeredgecolor=FLOAT, markersize=14)
            axes.annotate(
                str(number), (system.macs, system.accuracy), ha="center", va="center", color=MUTED, fontsize=8
            )
        for place, (name, (macs, accuracy)) in enumerate(own.items()):
            colour = (FLOAT, UNSEEN, SEEN)[place - len(own)]  # the last one is the INT8 file
            label = f"{name} {100 * accuracy:.1f} %"
            axes.plot(
                macs, accuracy, "o", color=colour, markersize=11, markeredgecolor="white", zorder=3 + place, label=label
            )
        axes.set_xscale("log")
        axes.set_xlim(min([8e5, *[0.5 * macs for macs, _ in own.values()]]), RIGHT_END)
        accuracies = [one.accuracy for one in PUBLISHED] + [accuracy for _, accuracy in own.values()]
        if teacher is not None:
            accuracies.append(teacher[1])
            label = f"teacher {100 * teacher[1]:.1f} %"
            if teacher[0] is not None and teacher[0] < RIGHT_END:
                axes.plot(
                    teacher[0],
                    teacher[1],
                    "D",
                    color=MUTED,
                    markersize=8,
                    markeredgecolor="white",
                    zorder=2.5,
                    label=label,
                )
            else:
                cost = "" if teacher[0] is None else f", {short(teacher[0])} MACs"
                axes.axhline(teacher[1], color=MUTED, linestyle=(0, (4, 3)), linewidth=1, label=f"{label}{cost} →")
        axes.axvline(limit, color=LIMIT, linewidth=1)
        axes.text(limit * 1.06, 0.02, "limit", color=LIMIT, transform=axes.get_xaxis_transform(), va="bottom")
        axes.set_ylim(max(0, min(accuracies) - 0.06), min(1, max(accuracies) + 0.07))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda macs, _: short(macs)))
        axes.xaxis.set_minor_formatter(FuncFormatter(lambda *_: ""))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        axes.set_xlabel("multiply-accumulates for one second of sound")
        axes.legend(loc="upper left", frameon=False)
        axes.grid(color=GRID)
        axes.set_axisbelow(True)
        return _svg(figure, "Macro accuracy against multiply-accumulates")


def latencies(found: Mapping[str, Latency]) -> str:
    """Median latency by file, with a line to the 95th percentile."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5, 0.7 + 0.42 * len(found)))
        axes = figure.add_subplot()
        for row, (name, latency) in enumerate(found.items()):
            axes.barh(row, latency.median, height=0.6, color=SEEN if "INT8" in name else FLOAT)
            axes.plot([latency.median, latency.p95], [row, row], color=INK, linewidth=1.4, solid_capstyle="butt")
            text = f"{three_digits(latency.median)} ms"
            axes.text(1.02, row, text, va="center", ha="left", transform=axes.get_yaxis_transform())
        axes.set_yticks(range(len(found)), list(found))
        axes.invert_yaxis()
        axes.set_xlim(0, 1.05 * max(latency.p95 for latency in found.values()))
        axes.set_xlabel("milliseconds; the line reaches to the 95th percentile")
        axes.grid(axis="x", color=GRID)
        axes.set_axisbelow(True)
        return _svg(figure, "Latency of one inference")


def short(number: float) -> str:
    """1,500,000 -> 1.5 M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {letter}"
    return f"{number:.3g}"


def three_digits(number: float) -> str:
    """0.5 -> 0.500, 114.2 -> 114."""
    return f"{number:#.3g}".removesuffix(".")


def _ramp() -> LinearSegmentedColormap:
    return LinearSegmentedColormap.from_list("ramp", ["#ffffff", "#a7d8d3", SEEN, "#0b4f4a"])


def _svg(figure: Figure, title: str) -> str:
    """An <svg> element for a page: no prolog, no metadata (it links to vocabularies), scalable, with a spoken title."""
    text = io.StringIO()
    figure.savefig(text, format="svg", bbox_inches="tight", pad_inches=0.04, transparent=True)
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # matplotlib numbers ids alike in every picture; one page holds several
    prefix = re.sub(r"\W+", "-", title.lower())
    svg = re.sub(r'\b(id="|url\(#|href="#)', rf"\g<1>{prefix}-", svg)
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    return svg.replace("<svg", f'<svg role="img" aria-label="{title}"', 1)
