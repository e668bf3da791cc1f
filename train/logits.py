"""A teacher's logits of every training clip, kept on disk so that a student never runs its teacher.

One safetensors file: `index` int64 (n,), `logits` float32 (n, K), and the checksum of the data set as metadata.
"""

from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from tinyasc.clips import Clips
from tinyasc.errors import UserError

FILE = "train_logits.safetensors"


def write(path: Path, logits: np.ndarray, indices: np.ndarray, checksum: str) -> None:
    """Keep logits (n, K) of the clips `indices` (n,) of the data set with this checksum."""
    tensors = {"index": indices.astype(np.int64), "logits": np.ascontiguousarray(logits, np.float32)}
    path.write_bytes(save(tensors, metadata={"checksum": checksum}))


def load(run: Path, clips: Clips, wanted: np.ndarray) -> np.ndarray:
    """The logits of a teacher run for a data set: float32 (len(clips), K), not a number where the teacher gave none.

    Args:
        run: the teacher's run folder.
        clips: the data set.
        wanted: int64 (n,), the clips that logits are needed of.

    Raises:
        UserError: the run has no logits, they are of another data set, or wanted clips are missing.
    """
    path = run / FILE
    try:
        with safe_open(path, framework="numpy") as file:
            checksum = (file.metadata() or {}).get("checksum")
            index, given = file.get_tensor("index"), file.get_tensor("logits")
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} cannot be read ({error}): train the teacher again with `make teacher`") from None
    if checksum != clips.checksum:
        raise UserError(f"{path} is of another data set than {clips.path}: train the teacher on it with `make teacher`")
    logits = np.full((len(clips), given.shape[1]), np.nan, np.float32)
    logits[index] = given
    if np.isnan(logits[wanted]).any():
        raise UserError(f"{path} has no logits for some training clips: train the teacher on the student's subset too")
    return logits
