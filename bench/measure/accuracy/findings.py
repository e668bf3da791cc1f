"""Accuracy of files on one data set, as the report holds it. Shape legend: n test clips, K classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from tqdm import tqdm

from bench.measure.accuracy import pairs
from bench.measure.accuracy.answers import BATCH, Answers, answers
from bench.measure.accuracy.pairs import ClusterSums, Pair
from bench.measure.figure import Figure, Origin, path_of
from bench.measure.records import Natural
from deploy.runtime import Model
from tinyasc import metrics
from tinyasc.clips import Clips
from tinyasc.front_end import FrontEnd
from tinyasc.metrics import Part, Score

BREAKDOWNS = {"class": "per_class", "device": "per_device", "group": "groups", "city": "per_city"}
"""What the report calls the breakdowns of a `Score`."""


@dataclass(frozen=True)
class PartAccuracy:
    """How well some clips are answered. Intervals: 95 %, None: a class was recorded at one moment alone."""

    macro: Figure
    log_loss: Figure
    clips: Natural
    moments: Natural
    """Recording sessions that the intervals are drawn over."""


@dataclass(frozen=True)
class FileAccuracy:
    """Of one file."""

    output: Literal["logits", "probabilities"]
    least: float | None
    """What a smaller probability counts as; None: the file gives logits."""
    whole: PartAccuracy
    parts: dict[str, dict[str, PartAccuracy]]
    """By BREAKDOWNS and name."""
    confusion: list[list[Natural]]
    """Counts: rows the truth, columns the answer."""


@dataclass(frozen=True)
class DropInAccuracy:
    """Whether a drop-in answers as the network it was made of does behind `tinyasc`'s own front-end."""

    network: str
    same: Natural
    """Test clips that both answer alike."""
    clips: Natural
    same_answers: Figure


@dataclass(frozen=True)
class Accuracy:
    """What was found out, by file name."""

    labels: list[str]
    """Class names in the order of the confusion's rows."""
    source: str
    """Which clips, in words."""
    files: dict[str, FileAccuracy]
    pairs: list[Pair]
    drop_ins: dict[str, DropInAccuracy]
    sums: ClusterSums

    def __post_init__(self) -> None:
        if missing := self.files.keys() - self.sums.right.keys():
            raise ValueError(f"it lacks the sums of {', '.join(sorted(missing))}")


def judge(
    models: Mapping[str, Model],
    clips: Clips,
    labels: list[str],
    mel: FrontEnd,
    *,
    train_devices: list[str] | None,
    compared: Sequence[tuple[str, str]],
    drop_ins: Mapping[str, tuple[Model, str]] | None = None,
) -> Accuracy:
    """Score every file on the test split as `answers` reads it, and compare some of them with one another.

    Args:
        train_devices: those of the training split; none: not known.
        compared: pairs of file names; differences are first - second.
        drop_ins: by file name: the drop-in, and the file name of its network.

    Raises:
        UserError: as `answers`.
    """
    answered = answers(models, clips, labels, mel)
    test = clips.labelled("test")
    source = f"test split of {clips.path.name}"
    logits = {file: one.logits for file, one in answered.items()}
    sums = pairs.summed(logits, clips.label[test], clips.moment[test])
    scores = {file: metrics.score_test(one, clips, train_devices) for file, one in logits.items()}
    return Accuracy(
        labels=labels,
        source=source,
        files={file: _file(file, answered[file], score, source) for file, score in scores.items()},
        pairs=[pairs.compared(first, second, answered, sums, clips=clips, source=source) for first, second in compared],
        drop_ins=same_answers(drop_ins or {}, clips, logits),
        sums=sums,
    )


def same_answers(
    drop_ins: Mapping[str, tuple[Model, str]], clips: Clips, logits: Mapping[str, np.ndarray]
) -> dict[str, DropInAccuracy]:
    """Count how often each drop-in gives its own network's answer; logits (n, K) by network, the rest as of `judge`."""
    same, indices = dict.fromkeys(drop_ins, 0), clips.labelled("test")
    for start in tqdm(range(0, len(indices) if drop_ins else 0, BATCH), desc="drop-in", unit="batch"):
        waveforms = clips.waveform(indices[start : start + BATCH])
        for file, (model, network) in drop_ins.items():
            expected = logits[network][start : start + BATCH].argmax(axis=1)
            same[file] += int((model.scores(waveforms).argmax(axis=1) == expected).sum())
    found = {}
    for file, (_, network) in drop_ins.items():
        origin = Origin(f"accuracy/{path_of(file)}", f"{file} against {network} on {len(indices):,} test clips")
        share = origin.figure("same_answers", same[file] / len(indices), "fraction")
        found[file] = DropInAccuracy(network, same[file], len(indices), share)
    return found


def _file(file: str, answered: Answers, score: Score, clips: str) -> FileAccuracy:
    place, source = f"accuracy/{path_of(file)}", f"{file} on the {clips}{answered.words}"
    return FileAccuracy(
        output="probabilities" if answered.probabilities else "logits",
        least=answered.least,
        whole=_part(place, source, score),
        parts={
            kind: {name: _part(f"{place}/{kind}/{name}", source, part) for name, part in getattr(score, field).items()}
            for kind, field in BREAKDOWNS.items()
        },
        confusion=score.confusion.tolist(),
    )


def _part(place: str, source: str, part: Part) -> PartAccuracy:
    figure = Origin(place, source).figure
    return PartAccuracy(
        macro=figure("macro", part.macro, "fraction", part.interval),
        log_loss=figure("log_loss", part.log_loss, "nats", part.log_loss_interval),
        clips=part.n,
        moments=part.moments,
    )
