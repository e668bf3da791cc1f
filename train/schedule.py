"""Command: the learning rate over a recipe's epochs, as a table and as a picture.

    python -m train.schedule train/recipes/cp_mobile.yaml --plot schedule.png

The recipe is one of train.teacher, train.student or compress.qat.
"""

import math
from pathlib import Path
from typing import Any

import matplotlib as mpl
import yaml
from jsonargparse import ArgumentError, ArgumentParser
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from tinyasc import artifact, drawing
from tinyasc import recipe as command_line
from tinyasc.errors import UserError
from train.data.selection import ExamplesConfig
from train.fit.config import FitConfig, factor, stretches

CLIPS, RECORDINGS = 139_620, 13_962
"""Of the training split of TAU Urban Acoustic Scenes 2022 Mobile: clips of one second, and recordings of ten."""
LINE, BAND = "#0072b2", "#f4f7fa"
POINTS = 2_000
SPREAD = 30.0
"""Rates that differ by more than this factor are drawn on a logarithmic axis as well."""
LOWEST = 1e-4
"""Share of the highest rate at which the logarithmic axis ends: a cosine that falls to 0 would have it endless."""
NARROW = 0.07
"""Phases shorter than this share of the run have no room for their name."""


def show(recipe: Path, /, *, plot: Path | None = None, steps_per_epoch: int | None = None) -> None:
    """Print the learning rate of a recipe at the borders of its schedule's phases, and draw it.

    Args:
        recipe: a recipe of train.teacher, train.student or compress.qat (.yaml).
        plot: a picture to write (.png).
        steps_per_epoch: updates of the weights in an epoch; default: as many as the training split of TAU would take.
    """
    artifact.check_files(plot)
    fit, examples = read(recipe)
    if steps_per_epoch is not None and steps_per_epoch < 1:
        raise UserError(f"--steps_per_epoch is {steps_per_epoch}: take 1 or more")
    seen = RECORDINGS * examples.windows_per_recording or CLIPS
    steps = steps_per_epoch or math.ceil(seen / fit.batch_size)
    basis = "as given" if steps_per_epoch else f"as on TAU's training split: {seen:,} / {fit.batch_size}"
    print(f"{recipe}: {fit.epochs} epochs of {steps:,} steps ({basis})\n")
    print(table(fit, steps))
    if plot is not None:
        drawing.write(draw(fit, steps, recipe.name), plot)
        print(f"\nwrote {plot}")


def read(recipe: Path) -> tuple[FitConfig, ExamplesConfig]:
    """What a recipe says about the length of training and about its clips.

    Raises:
        UserError: it is no recipe of a training command, or its section `fit` or `examples` is not usable.
    """
    if not recipe.is_file():
        raise UserError(f"there is no recipe {recipe}")
    try:
        content: Any = yaml.safe_load(recipe.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{recipe} is no YAML file: {error}") from None
    if not isinstance(content, dict) or not isinstance(content.get("fit"), dict):
        raise UserError(f"{recipe} has no section fit: give a recipe of train.teacher, train.student or compress.qat")
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--fit", type=FitConfig, required=True)
    parser.add_argument("--examples", type=ExamplesConfig, default=ExamplesConfig())
    sections = {name: content[name] for name in ("fit", "examples") if name in content}
    try:
        parsed = parser.instantiate(parser.parse_object(sections))
    except (ArgumentError, TypeError, ValueError) as error:
        reason = " ".join(str(error).removeprefix("Validation failed: ").split())
        raise UserError(f"{recipe}: {reason}") from None
    return parsed.fit, parsed.examples


def table(fit: FitConfig, steps_per_epoch: int) -> str:
    """One line a phase (a restarted cosine is several): from where to where, and the rate at both ends."""

    def rate(epoch: float) -> str:
        return f"{fit.learning_rate * factor(fit.schedule, epoch, steps_per_epoch, fit.epochs):9.3g}"

    lines = [f"{'epochs':>17}  {'phase':<12}{'rate from':>9}{'to':>10}"]
    end = 0.0
    for stretch in stretches(fit.schedule, steps_per_epoch, fit.epochs):
        if stretch.end > stretch.begin:
            last = f"{fit.learning_rate * stretch.last:9.3g}"
            lines.append(f"{_span(stretch.begin, stretch.end)}  {stretch.shape:<12}{rate(stretch.begin)} {last}")
            end = stretch.end
    if end < fit.epochs:
        lines.append(f"{_span(end, fit.epochs)}  {'stays':<12}{rate(end)} {rate(fit.epochs)}")
    elif end > fit.epochs:
        lines.append(
            f"The run ends at epoch {fit.epochs}, inside the schedule, at a rate of {rate(fit.epochs).strip()}."
        )
    return "\n".join(lines)


def _span(begin: float, end: float) -> str:
    return f"{begin:>7.4g} .. {end:<6.4g}"


def draw(fit: FitConfig, steps_per_epoch: float, title: str) -> Figure:
    """Draw the learning rate on a linear axis, and beside it on a logarithmic one where its range needs that."""
    epochs = [fit.epochs * point / POINTS for point in range(POINTS + 1)]
    rates = [fit.learning_rate * factor(fit.schedule, epoch, steps_per_epoch, fit.epochs) for epoch in epochs]
    highest = max(rates)
    scales = ["linear", "log"] if highest > SPREAD * min(rates) else ["linear"]
    with mpl.rc_context(drawing.STYLE):
        figure = Figure(figsize=(1 + 4.6 * len(scales), 3.4), dpi=120, layout="constrained")
        figure.suptitle(title, x=0.01, ha="left", weight="bold")
        for number, scale in enumerate(scales):
            axes = figure.add_subplot(1, len(scales), number + 1)
            _phases(axes, fit, steps_per_epoch)
            axes.plot(epochs, rates, color=LINE, linewidth=2)
            axes.set_xlim(0, fit.epochs)
            axes.set_xlabel("epoch")
            axes.set_ylabel(f"learning rate{', logarithmic' if scale == 'log' else ''}")
            axes.grid(axis="y", color=drawing.GRID)
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
                color=drawing.MUTED,
                ha="center",
                va="bottom",
                fontsize=8,
            )


if __name__ == "__main__":
    raise SystemExit(command_line.run(show))
