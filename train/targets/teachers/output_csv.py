"""The answers of any system in the form in which DCASE takes them: output.csv, probabilities by file name.

Tab separated: filename, scene_label, then a column of probabilities for each class.
Shapes: N clips of the data set, n clips wanted, K classes.
"""

import csv
from collections import Counter
from pathlib import Path

import numpy as np

from tinyasc.clips import Clips
from tinyasc.errors import UserError

LEAST = 1e-10
"""A probability that was rounded to nothing, so that its logarithm is a number."""


def load(path: Path, clips: Clips, wanted: np.ndarray) -> np.ndarray:
    """The logarithms of the probabilities as logits: float32 (N, K), not a number where there are none.

    Args:
        path: the file; rows of other files than the data set's do not matter.
        clips: the data set; its files are found by their whole name, or by the name without folders.
        wanted: int64 (n,), the clips that answers are needed of.

    Raises:
        UserError: another form, other classes, a file twice, no probabilities, or wanted clips are missing.
    """
    probabilities = np.full((len(clips), len(clips.labels)), np.nan)
    known = _numbers(clips)
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file, delimiter="\t")
            if not {"filename", *clips.labels} <= set(rows.fieldnames or []):
                raise UserError(f"{path} has not the columns filename, {', '.join(clips.labels)}, tab separated")
            for row in rows:
                number = known.get(row["filename"], known.get(_base(row["filename"])))
                if number is None:
                    continue
                if not np.isnan(probabilities[number, 0]):
                    raise UserError(f"{path} has {row['filename']} twice")
                probabilities[number] = [float(row[label]) for label in clips.labels]
                if not (probabilities[number] >= 0).all() or not 0.9 < probabilities[number].sum() < 1.1:
                    raise UserError(f"{path} has no probabilities for {row['filename']}: they are 0 to 1 and sum to 1")
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as output.csv of DCASE ({error})") from None
    if missing := int(np.isnan(probabilities[wanted, 0]).sum()):
        raise UserError(f"{path} has no answers to {missing:,} of the {len(wanted):,} clips that are needed")
    return np.log(np.maximum(probabilities, LEAST)).astype(np.float32)


def _numbers(clips: Clips) -> dict[str, int]:
    """Clip numbers by file name, and by the name without folders where that names one file only."""
    bases = Counter(map(_base, clips.files))
    alone = {_base(file): number for number, file in enumerate(clips.files) if bases[_base(file)] == 1}
    return alone | {file: number for number, file in enumerate(clips.files)}


def _base(file: str) -> str:
    return file.rpartition("/")[2]
