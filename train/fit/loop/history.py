"""The rows of a run's history, one an epoch: as CSV, as JSON lines, and for TensorBoard where that is wanted."""

import csv
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tinyasc import artifact, recipe
from tinyasc.errors import UserError

CSV, JSON_LINES, TENSORBOARD, CURVES = "metrics.csv", "metrics.jsonl", "tensorboard", "curves.png"
RECIPE = "recipe.yaml"
Row = dict[str, float]
"""epoch, loss, accuracy, loss_PART …, learning_rate, clips_per_second, seconds, validation_…"""


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
    """Whether TensorBoard's files can be written.

    Raises:
        UserError: its package is not installed.
    """
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
        """Args:
        folder: of the run; the files are below it.
        """
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
