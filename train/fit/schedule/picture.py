"""The picture of a schedule: learning rate against epochs, and where its phases lie."""

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from tinyasc.runs import picture
from train.fit.loop.config import FitConfig
from train.fit.schedule import factor, stretches

LINE, BAND = "#0072b2", "#f4f7fa"
POINTS = 2_000
SPREAD = 30.0
"""Rates that differ by more than this factor are drawn on a logarithmic axis as well."""
LOWEST = 1e-4
"""Share of the highest rate at which the logarithmic axis ends: a cosine that falls to 0 would have it endless."""
NARROW = 0.07
"""Phases shorter than this share of the run have no room for their name."""


def draw(fit: FitConfig, steps_per_epoch: float, title: str) -> Figure:
    """Learning rate on a linear axis, and beside it on a logarithmic one where its range needs that.

    Args:
        fit: length, highest rate and schedule.
        steps_per_epoch: updates of the weights in an epoch.
        title: above it.
    """
    epochs = [fit.epochs * point / POINTS for point in range(POINTS + 1)]
    rates = [fit.learning_rate * factor(fit.schedule, epoch, steps_per_epoch, fit.epochs) for epoch in epochs]
    highest = max(rates)
    scales = ["linear", "log"] if highest > SPREAD * min(rates) else ["linear"]
    with mpl.rc_context(picture.STYLE):
        figure = Figure(figsize=(1 + 4.6 * len(scales), 3.4), dpi=120, layout="constrained")
        figure.suptitle(title, x=0.01, ha="left", weight="bold")
        for number, scale in enumerate(scales):
            axes = figure.add_subplot(1, len(scales), number + 1)
            _phases(axes, fit, steps_per_epoch)
            axes.plot(epochs, rates, color=LINE, linewidth=2)
            axes.set_xlim(0, fit.epochs)
            axes.set_xlabel("epoch")
            axes.set_ylabel(f"learning rate{', logarithmic' if scale == 'log' else ''}")
            axes.grid(axis="y", color=picture.GRID)
            axes.set_axisbelow(True)
            if scale == "log":
                axes.set_yscale("log")
                axes.yaxis.set_major_locator(LogLocator(10))
                axes.yaxis.set_minor_locator(NullLocator())
                axes.set_ylim(max(0.8 * min(rates), LOWEST * highest), 1.25 * highest)
            else:
                axes.set_ylim(0, 1.08 * highest or 1)
                axes.yaxis.set_major_formatter("{x:g}")
        return figure


def _phases(axes: Axes, fit: FitConfig, steps_per_epoch: float) -> None:
    """Bands behind the curve, every second one shaded, with the shape's name where there is room."""
    for number, stretch in enumerate(stretches(fit.schedule, steps_per_epoch, fit.epochs)):
        begin, end = stretch.begin, min(stretch.end, fit.epochs)
        if end <= begin:
            continue
        axes.axvspan(begin, end, color=BAND if number % 2 == 0 else "white", linewidth=0, zorder=0)
        if end - begin > NARROW * fit.epochs:
            axes.text(
                (begin + end) / 2,
                1.01,
                stretch.shape,
                transform=axes.get_xaxis_transform(),
                color=picture.MUTED,
                ha="center",
                va="bottom",
                fontsize=8,
            )
