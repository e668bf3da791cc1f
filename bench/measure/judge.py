"""Everything that is found out about one subject on this machine, room by room."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.measure import environments
from bench.measure.accuracy import findings as answers
from bench.measure.accuracy.findings import Accuracy
from bench.measure.compliance import findings as verdict
from bench.measure.compliance.checks import Window, window
from bench.measure.compliance.findings import Compliance
from bench.measure.energy import findings as energies
from bench.measure.energy import host as energy_of_host
from bench.measure.energy.findings import Energies
from bench.measure.graph import cost
from bench.measure.graph.cost import Layer
from bench.measure.latency import measure as latency
from bench.measure.latency.end_to_end import Sound
from bench.measure.latency.measure import Latencies
from bench.measure.memory import findings as memory
from bench.measure.memory.findings import FileMemory
from bench.measure.subject import Subject
from deploy.runtime import Model
from tinyasc import machine
from tinyasc.clips import Clips
from tinyasc.machine import Machine

MADE_UP = "tinyasc.scenes"
"""In the source of a data set whose sounds this project made up."""


@dataclass(frozen=True)
class DataSet:
    """The data set whose test split was answered."""

    file: str
    source: str
    checksum: str
    trained_on: str | None
    """Checksum of the data set that the model was trained on; None: nobody says it."""
    train_devices: list[str] | None
    """Devices heard in training; None: nobody says it."""
    test_clips: int
    test_recordings: int
    test_moments: int
    """Recording sessions."""
    made_up: bool


@dataclass(frozen=True)
class Judgement:
    """What was found out."""

    subject: Subject
    machine: Machine
    compliance: Compliance
    layers: list[Layer]
    """The primary file operation by operation."""
    accuracy: Accuracy | None
    """None: no data set was given."""
    data: DataSet | None
    latency: Latencies
    memory: dict[str, FileMemory]
    energy: Energies | None
    """None: it was not asked for."""


def judge(
    subject: Subject,
    clips: Clips | None,
    *,
    latency_seconds: float,
    energy_seconds: float | None,
    environments: Path = environments.FOLDER,
) -> Judgement:
    """Find it all out.

    Args:
        subject: what is judged.
        clips: data set whose test split is answered; none: accuracy is left out.
        latency_seconds: time for the latencies, seconds.
        energy_seconds: time under load for the energy of each network, seconds; none: energy is left out.
        environments: folder with the environments of other people's runtimes, where they are.

    Raises:
        UserError: data that does not fit the files, or a file that cannot be run or counted.
    """
    here = machine.describe()  # before the work, so that the load it reports is the others'
    heard = _window(subject, clips)
    paths, model = subject.paths, subject.model
    held = verdict.judge(
        paths[model.primary],
        subject.card,
        heard,
        {paths[drop_in]: paths[network] for drop_in, network in model.drop_ins.items()},
    )
    models = subject.load(model.files)
    accuracy = None if clips is None else _accuracy(subject, models, clips)
    sound = _sound(subject, clips, heard)
    timed = latency.measure(paths, model.main, sound, latency_seconds, environments=environments, cpu=here.cpu)
    energy = None
    if energy_seconds is not None:
        host = energy_of_host.measure({name: models[name] for name in model.main}, energy_seconds)
        energy = energies.of_host(host, None if clips is None else len(clips.indices("test")))
    return Judgement(
        subject=subject,
        machine=here,
        compliance=held,
        layers=list(cost.read(paths[model.primary]).layers),
        accuracy=accuracy,
        data=None if clips is None else _data(subject, clips),
        latency=timed,
        memory=memory.measure({name: paths[name] for name in model.costly}, environments),
        energy=energy,
    )


def _window(subject: Subject, clips: Clips | None) -> Window:
    shape = subject.load([subject.model.primary])[subject.model.primary].input.shape
    sample_rate = clips.sample_rate if clips is not None and subject.model.mel is None else None
    return window(shape, subject.model.mel, sample_rate)


def _accuracy(subject: Subject, models: Mapping[str, Model], clips: Clips) -> Accuracy:
    card = subject.card
    return answers.judge(
        {name: models[name] for name in subject.model.networks},
        clips,
        clips.labels if card is None else card.labels,
        subject.model.mel,
        train_devices=_train_devices(subject, clips),
        compared=subject.model.pairs,
        drop_ins={name: (models[name], network) for name, network in subject.model.drop_ins.items()},
    )


def _train_devices(subject: Subject, clips: Clips) -> list[str] | None:
    """None for a foreign file: nobody says what it was trained on."""
    return None if subject.card is None else subject.card.data.get("train_devices") or clips.train_devices


def _sound(subject: Subject, clips: Clips | None, heard: Window) -> Sound | None:
    if subject.card is None and subject.model.mel is None:
        return None
    if clips is not None:
        return Sound(clips.samples, subject.model.mel)
    if subject.model.mel is None or heard.seconds is None:
        return None
    return Sound(round(heard.seconds * subject.model.mel.sample_rate), subject.model.mel)


def _data(subject: Subject, clips: Clips) -> DataSet:
    test = clips.indices("test")
    return DataSet(
        file=clips.path.name,
        source=clips.source,
        checksum=clips.checksum,
        trained_on=None if subject.card is None else subject.card.data.get("checksum"),
        train_devices=_train_devices(subject, clips),
        test_clips=len(test),
        test_recordings=len(set(clips.recording[test].tolist())),
        test_moments=len(set(clips.moment[test].tolist())),
        made_up=MADE_UP in clips.source,
    )
