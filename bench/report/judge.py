"""Measures one subject on this machine, room by room, and puts the report of it together."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from bench.measure import environments
from bench.measure.accuracy import findings as answers
from bench.measure.accuracy.findings import Accuracy
from bench.measure.compliance import findings as verdict
from bench.measure.compliance.checks import Window, window
from bench.measure.energy import findings as energies
from bench.measure.energy import host as energy_of_host
from bench.measure.figure import QUOTED, Origin
from bench.measure.graph import cost
from bench.measure.latency import measure as latency
from bench.measure.latency.end_to_end import Sound
from bench.measure.memory import findings as memory
from bench.measure.subject import Subject
from bench.report.document import Ancestor, DataSet, Parity, Report
from deploy.runtime import Model
from tinyasc import machine
from tinyasc.artifact import ModelCard
from tinyasc.clips import Clips
from tinyasc.errors import UserError

MADE_UP = "tinyasc.scenes"
"""In the source of a data set whose sounds this project made up."""


def judge(
    subject: Subject,
    clips: Clips | None,
    command: str,
    *,
    latency_seconds: float,
    energy_seconds: float | None,
    environments: Path = environments.FOLDER,
) -> Report:
    """Measure everything of one subject; the report has no targets.

    Args:
        subject: what is judged.
        clips: data set whose test split is answered; none: accuracy is left out.
        command: command line that the report names.
        latency_seconds: time for the latencies, seconds.
        energy_seconds: time under load of each network, seconds; none: energy is left out.
        environments: folder with the environments of other people's runtimes.

    Raises:
        UserError: data that does not fit the files, a file that cannot be run or counted, or a damaged parity.json.
    """
    here = machine.describe()  # before the work, so that the load it reports is the others'
    card, paths, model = subject.card, subject.paths, subject.model
    parity = None if card is None else _parity(paths[model.primary].with_name("parity.json"))
    models = subject.load(model.files)
    sample_rate = clips.sample_rate if clips is not None and model.mel is None else None
    heard = window(models[model.primary].input.shape, model.mel, sample_rate)
    compliance = verdict.judge(
        paths[model.primary],
        card,
        heard,
        {paths[drop_in]: paths[network] for drop_in, network in model.drop_ins.items()},
    )
    accuracy = None if clips is None else _accuracy(subject, models, clips)
    data = None if clips is None else _data(subject, clips)
    sound = _sound(subject, clips, heard)
    timed = latency.measure(paths, model.main, sound, latency_seconds, environments=environments, cpu=here.cpu)
    energy = None
    if energy_seconds is not None:
        host = energy_of_host.measure({name: models[name] for name in model.main}, energy_seconds)
        energy = energies.of_host(host, None if clips is None else len(clips.indices("test")))
    resident = memory.measure({name: paths[name] for name in model.costly}, environments)
    return Report(
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        sentence=_sentence(subject, compliance.words, accuracy, data),
        lineage=[] if card is None else [_ancestor(entry) for entry in card.lineage],
        model=model,
        compliance=compliance,
        layers=list(cost.read(paths[model.primary]).layers),
        accuracy=accuracy,
        latency=timed,
        memory=resident,
        energy=energy,
        targets=[],
        card=None if card is None else replace(card, accuracy={}, lineage=[]),
        data=data,
        machine=here,
        parity=parity,
    )


def _accuracy(subject: Subject, models: Mapping[str, Model], clips: Clips) -> Accuracy:
    card = subject.card
    return answers.judge(
        {name: models[name] for name in subject.model.networks},
        clips,
        clips.labels if card is None else card.labels,
        subject.model.mel,
        train_devices=_train_devices(card, clips),
        compared=subject.model.pairs,
        drop_ins={name: (models[name], network) for name, network in subject.model.drop_ins.items()},
    )


def _train_devices(card: ModelCard | None, clips: Clips) -> list[str] | None:
    """None for a foreign file: nobody says what it was trained on."""
    return None if card is None else card.data.get("train_devices") or clips.train_devices


def _sound(subject: Subject, clips: Clips | None, heard: Window) -> Sound | None:
    mel = subject.model.mel
    if subject.card is None and mel is None:
        return None
    if clips is not None:
        return Sound(clips.samples, mel)
    return None if mel is None or heard.seconds is None else Sound(round(heard.seconds * mel.sample_rate), mel)


def _data(subject: Subject, clips: Clips) -> DataSet:
    test = clips.indices("test")
    return DataSet(
        file=clips.path.name,
        source=clips.source,
        checksum=clips.checksum,
        trained_on=None if subject.card is None else subject.card.data.get("checksum"),
        train_devices=_train_devices(subject.card, clips),
        test_clips=len(test),
        test_recordings=len(set(clips.recording[test].tolist())),
        test_moments=len(set(clips.moment[test].tolist())),
        made_up=MADE_UP in clips.source,
    )


def _ancestor(entry: Mapping[str, Any]) -> Ancestor:
    """A run before the export, from its entry in the model card."""
    scored, counts, stage = entry.get("accuracy") or {}, entry.get("cost") or {}, entry["stage"]
    source = f"model card of the {stage} run"
    answered, counted = (Origin(f"{part}/{stage}", source, QUOTED).figure for part in ("accuracy", "cost"))
    return Ancestor(
        stage=stage,
        architecture=entry.get("architecture"),
        macro=answered("macro", scored.get("macro"), "fraction"),
        log_loss=answered("log_loss", scored.get("log_loss"), "nats"),
        macs=counted("macs", counts.get("macs"), "MACs"),
        parameters=counted("parameters", counts.get("parameters"), "parameters"),
    )


def _parity(path: Path) -> Parity | None:
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Parity)
    except msgspec.DecodeError as error:
        raise UserError(
            f"{path} is not the parity.json of an export: {error}: make it again with `make export`"
        ) from error


def _sentence(subject: Subject, fits: str, accuracy: Accuracy | None, data: DataSet | None) -> str:
    """The verdict in one sentence; `fits`: which limits the model keeps, in words."""
    model = subject.model
    fits = f"{model.name if subject.card is None else 'The INT8 model'} {fits}"
    if accuracy is None or data is None:
        return f"{fits}; how well it hears was not measured, as no data set was given."
    macro = accuracy.files[model.primary].whole.macro.value or 0.0
    where = "made-up test recordings" if data.made_up else "the test recordings"
    reached = f"{fits} and reaches {100 * macro:.1f} % macro accuracy on {where}"
    if model.reference is None:
        return f"{reached}."
    lost = 100 * ((accuracy.files[model.reference].whole.macro.value or 0.0) - macro)
    beside = "as much as" if abs(lost) < 0.05 else f"{abs(lost):.1f} points {'below' if lost > 0 else 'above'}"
    return f"{reached}, {beside} its float twin."
