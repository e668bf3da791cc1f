"""The rows of a run's history, one an epoch: as CSV, JSON lines, a picture, and for TensorBoard where that is wanted.

The picture shows loss and its parts, accuracy, learning rate and speed against epochs, of one run or of several.
"""

import csv
import io
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from tinyasc import artifact, drawing, recipe
from tinyasc.errors import UserError

CSV, JSON_LINES, TENSORBOARD, CURVES = "metrics.csv", "metrics.jsonl", "tensorboard", "curves.png"
RECIPE = "recipe.yaml"
Row = dict[str, float]
"""epoch, loss, accuracy, loss_PART …, learning_rate, clips_per_second, seconds, validation_…"""
History = Sequence[Mapping[str, float]]
"""One row an epoch."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#1c2733")
"""Apart to the colour-blind too (Okabe and Ito, without the yellow, which is lost on white)."""
SOLID, DASHED = "-", (0, (4, 1.5))
PANEL = (3.9, 2.7)
MARGIN, NAME = 0.15, 0.25
"""Around all panels, and the height of one line of the legend. Inches, as PANEL."""


def write_history(folder: Path, history: Sequence[Row]) -> None:
    """Write all rows, which have the same columns, into a folder that is there."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, history[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    artifact.atomic_write(folder / CSV, text.getvalue().encode())
    artifact.atomic_write(folder / JSON_LINES, "".join(json.dumps(row) + "\n" for row in history).encode())


def write_recipe(folder: Path) -> None:
    """Keep the recipe of the running command, if there is one: what runs on their way are compared by."""
    if (resolved := recipe.resolved()) is not None:
        artifact.atomic_write(folder / RECIPE, resolved.encode())


def check_tensorboard() -> None:
    """Raise UserError where TensorBoard's package is not installed."""
    try:
        import tensorboard  # type: ignore[import-not-found]  # noqa: F401, PLC0415
    except ImportError:
        raise UserError(
            f"fit.tensorboard needs its package: {Path(sys.executable).name} -m pip install -e '.[tensorboard]', "
            "or take tensorboard false; the same figures are in metrics.csv"
        ) from None


class Board:
    """Rows for TensorBoard, in event files of a folder of their own."""

    def __init__(self, folder: Path) -> None:
        """Nothing is written yet; the files will lie below the run's `folder`."""
        self._folder, self._writer = folder / TENSORBOARD, None

    def add(self, row: Row) -> None:
        """Write a row; what is there of its epoch and later ones, of a run that was killed, is shown no more."""
        epoch = int(row["epoch"])
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415  it needs the extra package

            self._writer = SummaryWriter(str(self._folder), purge_step=epoch)
        for name, value in row.items():
            if name != "epoch":
                self._writer.add_scalar(name, value, epoch)
        self._writer.flush()


def draw_curves(
    histories: Mapping[str, History], path: Path, groups: Mapping[str, str] | None = None, *, total: bool = True
) -> None:
    """Draw the histories of runs, by name, together; write the PNG whole or not at all.

    Runs without a finished epoch are left out, and without others nothing is written. `groups` has the names of the
    legend: runs that share one (seeds) share a colour. `total` says whether to draw total losses, which can be
    compared only where all runs minimise the same.
    """
    histories = {name: history for name, history in histories.items() if history}
    if not histories:
        return
    names = {name: name if groups is None else groups[name] for name in histories}
    legend = list(dict.fromkeys(names.values()))
    colours = dict(zip(legend, _colours(len(legend)), strict=True))
    panels = _panels(histories, total)
    columns = 2 if len(panels) in (2, 4) else 3
    rows = math.ceil(len(panels) / columns)
    with mpl.rc_context(drawing.STYLE):
        top = MARGIN + NAME * math.ceil(len(legend) / columns)
        width, height = columns * PANEL[0], rows * PANEL[1] + top + MARGIN
        figure = Figure(figsize=(width, height), dpi=120)
        figure.set_layout_engine(
            "constrained",
            rect=(MARGIN / width, MARGIN / height, 1 - 2 * MARGIN / width, 1 - (MARGIN + top) / height),
            hspace=0.08,
            wspace=0.04,
        )
        for place, (title, keys) in enumerate(panels.items()):
            axes = figure.add_subplot(rows, columns, place + 1, sharex=figure.axes[0] if figure.axes else None)
            axes.set_title(title)
            for name, history in histories.items():
                for key, line in keys.items():
                    _line(axes, history, key, colours[names[name]], line)
            _finish(axes, title, keys)
        lines = [Line2D([], [], color=colour, linewidth=2.5) for colour in colours.values()]
        corner = (MARGIN / width, 1 - MARGIN / 2 / height)
        figure.legend(
            lines, legend, loc="upper left", bbox_to_anchor=corner, ncols=min(columns, len(legend)), borderaxespad=0
        )
        drawing.write(figure, path)


def _panels(histories: Mapping[str, History], total: bool) -> dict[str, dict[str, object]]:
    """Title -> the columns drawn there, each with its line; columns that no run has are left out."""
    found = list(dict.fromkeys(key for history in histories.values() for row in history for key in row))
    parts = [key for key in found if key.startswith("loss_")]
    panels: dict[str, dict[str, object]] = {
        "Loss": {"loss": SOLID} if total else {},
        **{f"Loss: {key.removeprefix('loss_').replace('_', ' ')}": {key: SOLID} for key in parts},
        "Log loss, validation": {"validation_log_loss": SOLID},
        "Accuracy": {"accuracy": DASHED, "validation_accuracy": SOLID},
        "Learning rate": {"learning_rate": SOLID},
        "Clips per second": {"clips_per_second": SOLID},
    }
    here = {title: {key: line for key, line in keys.items() if key in found} for title, keys in panels.items()}
    return {title: keys for title, keys in here.items() if keys}


def _line(axes: Axes, history: History, key: str, colour: str, line: object) -> None:
    points = [(row["epoch"], row[key]) for row in history if key in row and math.isfinite(row[key])]
    if points:
        marker = "o" if len(points) == 1 else None
        axes.plot(*zip(*points, strict=True), color=colour, linestyle=line, linewidth=1.5, marker=marker, alpha=0.9)


def _finish(axes: Axes, title: str, keys: Mapping[str, object]) -> None:
    axes.grid(color=drawing.GRID)
    axes.set_axisbelow(True)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
    if title == "Accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None, symbol=" %"))
        shown = {"accuracy": "training batches", "validation_accuracy": "validation"}
        lines = [Line2D([], [], color=drawing.MUTED, linestyle=line) for line in keys.values()]  # type: ignore[arg-type]
        axes.legend(lines, [shown[key] for key in keys], loc="best", fontsize=8)
    if title in ("Learning rate", "Clips per second"):
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter("{x:,g}")


def _colours(count: int) -> list[str]:
    if count <= len(COLOURS):
        return list(COLOURS[:count])
    ramp = mpl.colormaps["turbo"]
    return [to_hex(ramp(0.05 + 0.9 * place / (count - 1))) for place in range(count)]
