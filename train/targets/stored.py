"""A teacher's answers on disk: its student never runs it, and a teacher may as well be an average of many.

logits.h5, format 1, HDF5: datasets `index` int64 (n,), ascending, the clips' numbers in the data set; `file` (n,),
their names there; `logits` float32 (n, K). Attributes: format; checksum, of the data set; labels, JSON, the K classes;
teachers, JSON, what was averaged, and average, how; [] and "none" for a single teacher. The clips are those that the
teacher was trained on and the test clips.

output.csv, the form in which DCASE takes the answers of any system: tab separated; filename, scene_label, then a column
of probabilities for each class.

Shapes: N clips of the data set, n clips in the file, B clips of a batch, K classes.
"""

import csv
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from tinyasc.clips import Clips
from tinyasc.errors import UserError
from train.data.loader import Batch
from train.targets.objective import Answers

FILE = "logits.h5"
FORMAT = 1
LEAST = 1e-10
"""A probability that was rounded to nothing, so that its logarithm is a number."""


@dataclass(frozen=True)
class Logits:
    """Such a file: clip numbers int64 (n,), their names, logits float32 (n, K), the data set's checksum, K labels."""

    index: np.ndarray
    file: list[str]
    logits: np.ndarray
    checksum: str
    labels: list[str]


def write(
    path: Path,
    clips: Clips,
    index: np.ndarray,
    logits: np.ndarray,
    *,
    teachers: Sequence[Any] = (),
    average: str = "none",
) -> None:
    """Keep logits (n, K) of the clips `index` int64 (n,), ascending; where teachers were averaged, which and how."""
    with h5py.File(path, "w") as file:
        file["index"] = index.astype(np.int64)
        file["file"] = [clips.files[number] for number in index]
        file["logits"] = np.asarray(logits, np.float32)
        file.attrs.update(
            format=FORMAT,
            checksum=clips.checksum,
            labels=json.dumps(clips.labels),
            teachers=json.dumps(list(teachers)),
            average=average,
        )


def read(path: Path) -> Logits:
    """A file of logits, or that of a teacher run.

    Raises:
        UserError: it is missing, damaged, or something else.
    """
    path = path / FILE if path.is_dir() else path
    advice = "train the teacher again with `make teacher`"
    if not path.is_file():
        raise UserError(f"{path} is missing: {advice}")
    try:
        with h5py.File(path) as file:
            if file.attrs["format"] != FORMAT:
                raise UserError(f"{path} has another format than {FORMAT}: {advice}")
            index, logits = np.asarray(file["index"], np.int64), np.asarray(file["logits"], np.float32)
            names = [name.decode() for name in np.asarray(file["file"]).tolist()]
            found = Logits(index, names, logits, str(file.attrs["checksum"]), json.loads(str(file.attrs["labels"])))
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path} cannot be read as a teacher's logits ({error}): {advice}") from None
    whole = index.ndim == 1 and len(index) == len(names) and logits.shape == (len(index), len(found.labels))
    if not whole or (np.diff(index) <= 0).any() or not np.isfinite(logits).all():
        raise UserError(f"{path} is damaged: {advice}")
    return found


def load(path: Path, clips: Clips, wanted: np.ndarray) -> np.ndarray:
    """A teacher's logits for a data set, of a run folder or a file: float32 (N, K), not a number where it gave none.

    Raises:
        UserError: no such file (`read`), logits of other classes, of another data set or of clips that it does not
            have, or clips of `wanted` int64 (n,) are missing.
    """
    found = read(path)
    if found.labels != clips.labels:
        raise UserError(
            f"{path} is of the classes {', '.join(found.labels)}, {clips.path} has {', '.join(clips.labels)}: "
            "train the teacher on it with `make teacher`"
        )
    if found.checksum != clips.checksum:
        raise UserError(f"{path} is of another data set than {clips.path}: train the teacher on it with `make teacher`")
    if len(found.index) and (found.index[0] < 0 or found.index[-1] >= len(clips)):  # it is ascending
        raise UserError(
            f"{path} has logits of clips {found.index[0]} to {found.index[-1]}, {clips.path} has 0 to "
            f"{len(clips) - 1}: train the teacher again with `make teacher`"
        )
    for number, name in zip(found.index.tolist(), found.file, strict=True):
        if name != clips.files[number]:
            raise UserError(
                f"{path} has {name} as clip {number}, which is {clips.files[number]} in {clips.path}: "
                "train the teacher again with `make teacher`"
            )
    if missing := len(np.setdiff1d(wanted, found.index)):
        raise UserError(
            f"{path} has no logits for {missing:,} of the {len(wanted):,} clips that are needed: "
            "take a teacher that was trained on them too"
        )
    logits = np.full((len(clips), len(clips.labels)), np.nan, np.float32)
    logits[found.index] = found.logits
    return logits


class Stored:
    """A `Teacher` that answers out of a file."""

    channels, needs_waveform = 0, False

    def __init__(self, path: Path, clips: Clips, wanted: np.ndarray, device: torch.device) -> None:
        """Load what batches of the clips `wanted` will need (`load`) onto their device."""
        self.logits = torch.from_numpy(load(path, clips, wanted)).to(device)  # (N, K)

    def __call__(self, batch: Batch) -> Answers:
        logits = self.logits[batch.index]
        return Answers(logits, logits[:, :0])


def load_output_csv(path: Path, clips: Clips, wanted: np.ndarray) -> np.ndarray:
    """Read the logarithms of the probabilities as logits: float32 (N, K), not a number where there are none.

    Files are found by their whole name, or by the name without folders; those of no clip do not matter.

    Raises:
        UserError: another form, other classes, a file twice, no probabilities, or clips of `wanted` are missing.
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
