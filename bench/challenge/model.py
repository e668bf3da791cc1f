"""One trained model of a submission: what it costs, how well it does, and what it answers, from its shipped bytes.

Shapes: n clips, K classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from bench.measure.compliance import findings as verdict
from bench.measure.compliance.checks import window
from deploy import runtime
from deploy.runtime import Model
from tinyasc import artifact, front_end
from tinyasc.artifact import ModelCard
from tinyasc.clips import Clips
from tinyasc.dcase import SCENES
from tinyasc.errors import UserError
from tinyasc.metrics import Part, log_softmax, score_test

FILE = "model.tflite"
"""The file of an export run that is submitted."""
BATCH = 64
"""Clips whose spectrograms are held in memory at a time."""


@dataclass(frozen=True)
class SubmittedModel:
    """An export run that is to be submitted."""

    run: Path
    card: ModelCard
    model: Model

    @property
    def subset(self) -> int:
        """Per cent of the training split that it was trained on, as its card says."""
        named = str(self.card.data.get("subset") or "train").removeprefix("split")
        return 100 if named == "train" else int(named) if named.isdigit() else 0


@dataclass(frozen=True)
class Complexity:
    """What a model costs, in the fields of meta.yaml."""

    total_model_size: int
    """Bytes of its parameters."""
    total_parameters: int
    macs: int
    """Of one second of sound."""


def load(run: Path) -> SubmittedModel:
    """An export run.

    Raises:
        UserError: there is none, or it is not of the ten scenes.
    """
    card = artifact.load_card(run, "export")
    if sorted(card.labels) != sorted(SCENES):
        raise UserError(f"{run} is of the classes {', '.join(card.labels)}: a submission is of DCASE's ten scenes")
    return SubmittedModel(run, card, runtime.load(run / FILE))


def need_fitting(submitted: SubmittedModel, clips: Clips, *, labelled: bool) -> None:
    """Hold a data set against what a model takes and gives, before hours are spent on it.

    Args:
        submitted: the model.
        clips: the data set.
        labelled: whether the model is to be scored on it.

    Raises:
        UserError: another sample rate, or other labels than it needs.
    """
    mel = front_end.from_card(submitted.card.mel)
    if mel is not None and clips.sample_rate != mel.sample_rate:
        raise UserError(
            f"{clips.path} has {clips.sample_rate} Hz, {submitted.run} takes {mel.sample_rate}: prepare it again"
        )
    if labelled and clips.labels != submitted.card.labels:
        where = f"{clips.path} has" + (f" the classes {', '.join(clips.labels)}" if clips.labels else " no labels")
        raise UserError(f"{where}: give the development set as --data, and a set without labels as --evaluation")


def logits(models: Mapping[str, SubmittedModel], clips: Clips, indices: np.ndarray) -> dict[str, np.ndarray]:
    """What the shipped files answer to some clips, with labels or without: float32 (n, K) of each model."""
    front_ends = {name: front_end.from_card(submitted.card.mel) for name, submitted in models.items()}
    batches: dict[str, list[np.ndarray]] = {name: [] for name in models}
    for start in tqdm(range(0, len(indices), BATCH), desc=clips.path.name, unit="batch"):
        waveform = clips.waveform(indices[start : start + BATCH])
        features = {config: front_end.features(waveform, config) for config in set(front_ends.values())}
        for name, submitted in models.items():
            batches[name].append(submitted.model.logits(features[front_ends[name]]))
    return {name: np.concatenate(answers) for name, answers in batches.items()}


def probabilities(logits: np.ndarray) -> np.ndarray:
    """(n, K) -> their softmax, float64 (n, K)."""
    return np.exp(log_softmax(logits))


def results(logits: np.ndarray, clips: Clips) -> dict[str, object]:
    """Accuracy and log loss on the test split of a development set, as meta.yaml has them.

    Accuracies are in per cent, log losses in nats; of a device, the mean over its classes.

    Args:
        logits: (n, K), in the order of `clips.labelled("test")`.
        clips: the development set.
    """
    score = score_test(logits, clips, None)
    return {
        "overall": _scores(score),
        "class_wise": {name: _scores(part) for name, part in score.per_class.items()},
        "device_wise": {name: _scores(part) for name, part in score.per_device.items()},
    }


def complexity(submitted: SubmittedModel, sample_rate: int) -> Complexity:
    """Count the network as the verdict does."""
    model = submitted.model
    input_window = window(model.input.shape, front_end.from_card(submitted.card.mel), sample_rate)
    judged = verdict.judge(model.path, submitted.card, input_window, {})
    memory = next(check.value for check in judged.checks if check.decides and check.rule == "parameter memory")
    network = judged.network
    return Complexity(memory, int(network.parameters.value or 0), int(network.macs.value or 0))


def _scores(part: Part) -> dict[str, float]:
    return {"accuracy": round(100 * part.macro, 4), "logloss": round(part.log_loss, 6)}
