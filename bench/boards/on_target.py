"""Measures on another machine than this one: an emulated board, or a real device over ssh."""

from pathlib import Path

import numpy as np

from bench.boards.device import inputs
from bench.boards.device.result import TargetResult
from bench.boards.emulate import emulator as emulated
from bench.boards.emulate.run import Case, emulate
from bench.boards.remote import session as device
from bench.boards.remote import ssh
from bench.boards.targets import boards
from bench.measure.subject import Subject
from tinyasc.clips import Clips

SSH = "ssh:"


def check(target: str) -> None:
    """Whether there can be such a target, before any work.

    Raises:
        UserError: there cannot.
    """
    if target.startswith(SSH):
        ssh.parse(target)
    else:
        boards.load(target)


def measure(
    target: str,
    subject: Subject,
    clips: Clips | None,
    *,
    emulator: Path,
    steady_seconds: float,
    keep: bool,
) -> TargetResult:
    """Run the networks and the drop-in of the primary there, on test clips, or without data on varied random inputs.

    Args:
        target: key of a board, or ssh:user@host[:port].
        subject: whose files.
        clips: whose test split is heard; none: random inputs.
        emulator: folder where the emulated machines are set up; what is missing is set up first.
        steady_seconds: how long each file runs on end on a device, for a power meter.
        keep: leave the work folder on the device.

    Raises:
        UserError: the target cannot be measured; says why and what to do.
    """
    names = subject.model.costly
    paths = {name: subject.paths[name] for name in names}
    integer = {name: subject.model.files[name].integer for name in names}
    raw = _inputs(subject, names, clips)
    if target.startswith(SSH):
        return device.measure(target, paths, raw, integer, steady_seconds=steady_seconds, keep=keep)
    cases = [Case(name, path, integer[name], raw[name]) for name, path in paths.items()]
    return emulate(emulated.prepare(emulator), boards.load(target), cases)


def _inputs(subject: Subject, names: list[str], clips: Clips | None) -> dict[str, np.ndarray]:
    models = subject.load(names)
    if clips is not None and subject.card is not None:
        return inputs.of_clips(models, clips, subject.card)
    return {name: inputs.varied(model) for name, model in models.items()}
