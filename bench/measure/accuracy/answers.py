"""Logits of the shipped files for every clip of the test split, through `deploy.runtime`.

A file may give logits, or end in a softmax and give probabilities; which of the two is read from its outputs. Of
probabilities ln p is kept: its softmax gives them again, where a second softmax would make every file look unsure.

Shape legend: n test clips, K classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from deploy.runtime import Model
from tinyasc import front_end
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.front_end import FrontEnd

BATCH = 64
"""Clips whose spectrograms are held in memory at a time."""
ROUNDING = 1e-3
"""How far from 1 probabilities that are kept in float16 or wider may sum."""


@dataclass(frozen=True)
class Answers:
    """Of one file on the whole test split."""

    logits: np.ndarray
    """(n, K) float32, clips in the data set's order; ln p of a file that gives probabilities."""
    least: float | None = None
    """None: logits. Else what a smaller probability counts as, since ln 0 is no number: half a step of an integer
    output, the rounding of float32 of a float one (1.2e-7, as scikit-learn's log_loss has it)."""

    @property
    def probabilities(self) -> bool:
        return self.least is not None

    @property
    def words(self) -> str:
        """What must be known of the file's log loss; nothing where it is that of logits."""
        return "" if self.least is None else f"; it gives probabilities, each taken as {self.least:.2g} at least"


def answers(models: Mapping[str, Model], clips: Clips, labels: list[str], mel: FrontEnd) -> dict[str, Answers]:
    """Let every model, by name, answer the test split.

    Args:
        models: by name; all of them take the same input.
        clips: the data set.
        labels: class names in the order of the models' outputs.
        mel: their front-end; none: they take the waveform.

    Raises:
        UserError: labels, sample rate or clip length of the data set do not fit, it has no labelled test clips, or a
            model gives another number of outputs, or one that is no number.
    """
    _need_fitting(models, clips, labels, mel)
    indices = clips.labelled("test")
    parts: dict[str, list[np.ndarray]] = {name: [] for name in models}
    for start in tqdm(range(0, len(indices), BATCH), desc="accuracy", unit="batch"):
        heard = front_end.features(clips.waveform(indices[start : start + BATCH]), mel)
        for name, model in models.items():
            parts[name].append(outputs := model.logits(heard))
            if outputs.shape[1] != len(labels):
                raise UserError(
                    f"{model.path} gives {outputs.shape[1]} outputs, but {clips.path} has {len(labels)} labels: "
                    "give data with the labels that it was trained on"
                )
    found = {name: np.concatenate(parts.pop(name)) for name in models}
    for name, outputs in found.items():
        if not np.isfinite(outputs).all():
            wrong = int((~np.isfinite(outputs)).any(axis=1).sum())
            raise UserError(
                f"{models[name].path} gives infinite or undefined outputs on {wrong} of {len(outputs)} clips"
            )
    return {name: as_logits(outputs, models[name].output.scale) for name, outputs in found.items()}


def as_logits(outputs: np.ndarray, step: float | None) -> Answers:
    """Tell what outputs (n, K) are: probabilities where none is negative and each clip's sum to 1, else logits.

    `step`: of an integer output, which rounds every probability by up to half of it; None: a float output.
    """
    rounding = ROUNDING if step is None else max(ROUNDING, outputs.shape[1] * step / 2)
    if (outputs < 0).any() or (np.abs(outputs.sum(axis=1) - 1) > rounding).any():
        return Answers(outputs)
    least = float(np.finfo(np.float32).eps) if step is None else step / 2
    return Answers(np.log(np.maximum(outputs, np.float32(least))), least)


def _need_fitting(models: Mapping[str, Model], clips: Clips, labels: list[str], mel: FrontEnd) -> None:
    if clips.labels != labels:
        raise UserError(f"the data set's labels {clips.labels} are not the model's {labels}: give the right data")
    if mel is not None and clips.sample_rate != mel.sample_rate:
        raise UserError(f"the data set has {clips.sample_rate} Hz, the model takes {mel.sample_rate}: prepare it again")
    heard = _size(front_end.shape(mel, clips.samples))
    for model in models.values():
        if model.input.dtype.kind == "b":
            raise UserError(f"{model.path} takes true and false: no sound can be given to it, leave --data out")
        if mel is not None and _size(model.input.shape) == heard[::-1] != heard:
            raise UserError(
                f"{model.path} takes frames x bands, {_by(heard[::-1])}: transpose its input to bands x frames"
            )
        if _size(model.input.shape) != heard:
            raise UserError(
                f"{model.path} takes {_by(_size(model.input.shape))} inputs, but a clip of {clips.path} becomes "
                f"{_by(heard)}{' samples' if mel is None else ' (bands x frames)'}: "
                "give the front-end and the clip length that it was trained with"
            )


def _size(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(length for length in shape if length != 1)


def _by(size: tuple[int, ...]) -> str:
    return "x".join(map(str, size)) or "1"
