"""Everything that is found out about one subject on this machine, room by room."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import environments
from bench.measure.accuracy import drop_ins
from bench.measure.accuracy import findings as answers
from bench.measure.accuracy.drop_ins import SameAnswers
from bench.measure.accuracy.findings import Accuracy
from bench.measure.compliance import findings as verdict
from bench.measure.compliance.findings import Verdict
from bench.measure.compliance.window import Window, window
from bench.measure.energy import findings as energies
from bench.measure.energy import host as energy_of_host
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
class Judgement:
    """What was found out."""

    subject: Subject
    machine: Machine
    verdict: Verdict
    accuracy: Accuracy | None
    """None: no data set was given."""
    same_answers: dict[str, SameAnswers]
    """By drop-in; empty without a data set."""
    data: dict[str, Any] | None
    latency: Latencies
    memory: dict[str, FileMemory]
    energy: energies.Findings | None
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
    paths = subject.paths
    held = verdict.judge(
        paths[subject.headline],
        subject.card,
        heard,
        {paths[drop_in]: paths[network] for drop_in, network in subject.drop_ins.items()},
    )
    models = subject.load(subject.files)
    accuracy = None if clips is None else _accuracy(subject, models, clips)
    same_answers = {}
    if clips is not None and accuracy is not None:
        asked = {name: models[name] for name in subject.drop_ins}
        logits = {name: one.logits for name, one in accuracy.answers.items()}
        same_answers = drop_ins.same_answers(asked, subject.drop_ins, clips, logits)
    sound = _sound(subject, clips, heard)
    timed = latency.measure(paths, subject.main, sound, latency_seconds, environments)
    energy = None
    if energy_seconds is not None:
        found = energy_of_host.measure({name: models[name] for name in subject.main}, energy_seconds)
        energy = energies.Findings(found, (), None if clips is None else len(clips.indices("test")))
    return Judgement(
        subject=subject,
        machine=here,
        verdict=held,
        accuracy=accuracy,
        same_answers=same_answers,
        data=None if clips is None else _data(subject, clips),
        latency=timed,
        memory=memory.measure({name: paths[name] for name in subject.costly}, environments),
        energy=energy,
    )


def _window(subject: Subject, clips: Clips | None) -> Window:
    shape = subject.load([subject.headline])[subject.headline].input.shape
    sample_rate = clips.sample_rate if clips is not None and subject.mel is None else None
    return window(shape, subject.mel, sample_rate)


def _accuracy(subject: Subject, models: Mapping[str, Model], clips: Clips) -> Accuracy:
    card = subject.card
    return answers.judge(
        {name: models[name] for name in subject.networks},
        clips,
        clips.labels if card is None else card.labels,
        subject.mel,
        train_devices=_train_devices(subject, clips),
        pairs=subject.pairs,
    )


def _train_devices(subject: Subject, clips: Clips) -> list[str] | None:
    """None for a foreign file: nobody says what it was trained on."""
    return None if subject.card is None else subject.card.data.get("train_devices") or clips.train_devices


def _sound(subject: Subject, clips: Clips | None, heard: Window) -> Sound | None:
    if subject.card is None and subject.mel is None:
        return None
    if clips is not None:
        return Sound(clips.samples, subject.mel)
    if subject.mel is None or heard.seconds is None:
        return None
    return Sound(round(heard.seconds * subject.mel.sample_rate), subject.mel)


def _data(subject: Subject, clips: Clips) -> dict[str, Any]:
    test = clips.indices("test")
    return {
        "file": clips.path.name,
        "source": clips.source,
        "checksum": clips.checksum,
        "trained_on": None if subject.card is None else subject.card.data.get("checksum"),
        "train_devices": _train_devices(subject, clips),
        "test_clips": len(test),
        "test_recordings": len(set(clips.recording[test].tolist())),
        "test_moments": len(set(clips.moment[test].tolist())),
        "made_up": MADE_UP in clips.source,
    }
