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
class System:
    """An export run that is to be submitted."""

    run: Path
    card: ModelCard
    model: Model

    @property
    def subset(self) -> int:
        """Per cent of the training split that it was trained on, as its card says."""
        named = str(self.card.data.get("subset") or "train").removeprefix("split")
        return 100 if named == "train" else int(named) if named.isdigit() else 0


def load(run: Path) -> System:
    """An export run.

    Raises:
        UserError: there is none, or it is not of the ten scenes.
    """
    card = artifact.load_card(run, "export")
    if sorted(card.labels) != sorted(SCENES):
        raise UserError(f"{run} is of the classes {', '.join(card.labels)}: a submission is of DCASE's ten scenes")
    return System(run, card, runtime.load(run / FILE))


def need_fitting(system: System, clips: Clips, *, labelled: bool) -> None:
    """Hold a data set against what a model takes and gives, before hours are spent on it.

    Args:
        system: the model.
        clips: the data set.
        labelled: whether the model is to be scored on it.

    Raises:
        UserError: another sample rate, or other labels than it needs.
    """
    mel = front_end.from_card(system.card.mel)
    if mel is not None and clips.sample_rate != mel.sample_rate:
        raise UserError(
            f"{clips.path} has {clips.sample_rate} Hz, {system.run} takes {mel.sample_rate}: prepare it again"
        )
    if labelled and clips.labels != system.card.labels:
        where = f"{clips.path} has" + (f" the classes {', '.join(clips.labels)}" if clips.labels else " no labels")
        raise UserError(f"{where}: give the development set as --data, and a set without labels as --evaluation")


def logits(systems: Mapping[str, System], clips: Clips, indices: np.ndarray) -> dict[str, np.ndarray]:
    """What the shipped files answer to some clips, with labels or without: float32 (n, K) by the name given here."""
    front_ends = {name: front_end.from_card(system.card.mel) for name, system in systems.items()}
    parts: dict[str, list[np.ndarray]] = {name: [] for name in systems}
    for start in tqdm(range(0, len(indices), BATCH), desc=clips.path.name, unit="batch"):
        waveform = clips.waveform(indices[start : start + BATCH])
        heard = {config: front_end.features(waveform, config) for config in set(front_ends.values())}
        for name, system in systems.items():
            parts[name].append(system.model.logits(heard[front_ends[name]]))
    return {name: np.concatenate(found) for name, found in parts.items()}


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


def complexity(system: System, sample_rate: int) -> dict[str, int]:
    """total_parameters, macs of one second and total_model_size in bytes, of the network as the verdict counts."""
    heard = window(system.model.input.shape, front_end.from_card(system.card.mel), sample_rate)
    found = verdict.judge(system.model.path, system.card, heard, {})
    memory = next(check.value for check in found.checks if check.decides and check.rule == "parameter memory")
    macs, parameters = int(found.network.macs.value or 0), int(found.network.parameters.value or 0)
    return {"total_model_size": memory, "total_parameters": parameters, "macs": macs}


def _scores(part: Part) -> dict[str, float]:
    return {"accuracy": round(100 * part.macro, 4), "logloss": round(part.log_loss, 6)}
