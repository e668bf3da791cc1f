"""How good some files are on one data set: what was found, as the report keeps it, and as figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from bench.measure.accuracy import moments as by_moment
from bench.measure.accuracy import pairs as paired
from bench.measure.accuracy.answers import Answers, answers
from bench.measure.accuracy.moments import Moments
from bench.measure.accuracy.pairs import Pair
from bench.measure.figure import MEASURED, Figure
from deploy.runtime import Model
from tinyasc import metrics
from tinyasc.clips import Clips
from tinyasc.front_end import FrontEnd
from tinyasc.metrics import Part, Score

BREAKDOWNS = {"class": "per_class", "device": "per_device", "group": "groups", "city": "per_city"}
"""What the report calls the parts of a `Score`."""


@dataclass(frozen=True)
class Accuracy:
    """What was found out, by file name."""

    labels: list[str]
    source: str
    """Which clips, in words."""
    answers: dict[str, Answers]
    scores: dict[str, Score]
    moments: Moments
    pairs: list[Pair]


def judge(
    models: Mapping[str, Model],
    clips: Clips,
    labels: list[str],
    mel: FrontEnd,
    *,
    train_devices: list[str] | None,
    pairs: Sequence[tuple[str, str]],
) -> Accuracy:
    """Let every file answer the test split, score it, and compare some of them with one another.

    Args:
        models: by file name; all of them hear the same.
        clips: the data set.
        labels: class names in the order of the outputs; of a file that does not say, `clips.labels`.
        mel: the front-end; none: the files take the waveform.
        train_devices: those heard in training; none: not known.
        pairs: which two are compared, by file name; differences are first - second.

    Raises:
        UserError: as `answers`.
    """
    found = answers(models, clips, labels, mel)
    test = clips.labelled("test")
    logits = {file: one.logits for file, one in found.items()}
    moments = by_moment.summed(logits, clips.label[test], clips.moment[test])
    return Accuracy(
        labels=labels,
        source=f"test split of {clips.path.name}",
        answers=found,
        scores={file: metrics.score_test(one, clips, train_devices) for file, one in logits.items()},
        moments=moments,
        pairs=[paired.compared(first, second, found, moments, clips) for first, second in pairs],
    )


def content(found: Accuracy) -> dict[str, Any]:
    """What report.json holds of it. A part is {macro, interval, log_loss, log_loss_interval, n, moments}: fractions,
    nats, counts; a pair of numbers or null for an interval.

    labels      class names in the order of the confusion's rows
    source      which clips were answered
    files       file name ->
        output      "logits" or "probabilities", and `least`, what a smaller probability counts as (null of logits)
        whole       the part of all clips
        parts       "class", "device", "group", "city" -> name -> part
        confusion   counts: rows the truth, columns the answer
    pairs       one entry for each two files that were compared, differences are first - second:
        first, second                               file names
        both_right, only_first, only_second, both_wrong     counts of clips
        mcnemar                                     test (its kind), p, caveat
        difference                                  macro, macro_interval, log_loss, log_loss_interval
        significant                                 whether the macro interval leaves out 0; null: there is none
        agreement                                   clips, same_top1
        agreement_by_device, agreement_by_class     name -> the same
        exact                                       identical (clips), largest_difference; null: not the same kind
        margins                                     clips, first, second (nats), right_first, right_second (0 or 1)
    moments     the sums that two reports are compared by: `bench.measure.accuracy.moments.Moments.content`
    """
    return {
        "labels": found.labels,
        "source": found.source,
        "files": {file: _file(found.answers[file], score) for file, score in found.scores.items()},
        "pairs": [pair.content() for pair in found.pairs],
        "moments": found.moments.content(),
    }


def figures(found: Accuracy, path: Callable[[str], str]) -> dict[str, Figure]:
    """accuracy/PATH/macro and log_loss of every file; the same behind class/NAME, device/NAME, group/NAME and
    city/NAME; and accuracy/PATH/against/PATH/macro, log_loss, p_value and same_top1 of every pair.

    Args:
        found: of `judge`.
        path: of a file name, for example model.tflite -> tflite/int8.
    """
    made: dict[str, Figure] = {}
    for file, score in found.scores.items():
        place, source = f"accuracy/{path(file)}", f"{file} on the {found.source}{found.answers[file].words}"
        made |= _part(place, source, score)
        for kind, field in BREAKDOWNS.items():
            for name, part in getattr(score, field).items():
                made |= _part(f"{place}/{kind}/{name}", source, part)
    for pair in found.pairs:
        place = f"accuracy/{path(pair.first)}/against/{path(pair.second)}"
        both, gap, same = f"{pair.first} and {pair.second} on the {found.source}", pair.difference, pair.agreement
        drawn = f"{both}, paired bootstrap over moments"
        made |= {
            f"{place}/macro": Figure(gap.macro, "fraction", MEASURED, drawn, gap.macro_interval),
            f"{place}/log_loss": Figure(gap.log_loss, "nats", MEASURED, drawn, gap.log_loss_interval),
            f"{place}/p_value": Figure(pair.p_value, "fraction", MEASURED, f"{both}, McNemar's exact test"),
            f"{place}/same_top1": Figure(same.same_top1 / same.clips, "fraction", MEASURED, both),
        }
    return made


def _file(answered: Answers, score: Score) -> dict[str, Any]:
    return {
        "output": "probabilities" if answered.probabilities else "logits",
        "least": answered.least,
        "whole": {field.name: getattr(score, field.name) for field in fields(Part)},
        "parts": {
            kind: {name: asdict(part) for name, part in getattr(score, field).items()}
            for kind, field in BREAKDOWNS.items()
        },
        "confusion": score.confusion.tolist(),
    }


def _part(place: str, source: str, part: Part) -> dict[str, Figure]:
    return {
        f"{place}/macro": Figure(part.macro, "fraction", MEASURED, source, part.interval),
        f"{place}/log_loss": Figure(part.log_loss, "nats", MEASURED, source, part.log_loss_interval),
    }
