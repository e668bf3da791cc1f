"""Measures on another machine than this one: an emulated board, or a real device over ssh."""

import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from bench.device import bundle, inputs
from bench.device.bundle import Settings
from bench.emulate import emulator as emulated
from bench.emulate.run import emulate
from bench.remote import ssh
from bench.remote.session import Session
from bench.subject import Subject
from bench.targets import boards
from tinyasc.clips import Clips
from tinyasc.errors import UserError

SSH = "ssh:"


def check(target: str) -> None:
    """Whether there can be such a target, before any work.

    Raises:
        UserError: there cannot.
    """
    if target.startswith(SSH):
        ssh.parse(target)
    elif target not in boards.known():
        raise UserError(f"no target {target!r}: take {', '.join(boards.known())} (emulated), or ssh:user@host[:port]")


def measure(
    target: str, subject: Subject, clips: Clips | None, *, emulator: Path, steady_seconds: float, keep: bool
) -> dict[str, Any]:
    """Run the networks and their drop-ins there, on test clips where there are any, else on varied random inputs.

    Args:
        target: key of a board, or ssh:user@host[:port].
        subject: whose files.
        clips: whose test split is heard; none: random inputs.
        emulator: folder where the emulated machines are set up; what is missing is set up first.
        steady_seconds: how long each file runs on end on a device, for a power meter.
        keep: leave the work folder on the device.

    Returns:
        The result in the form of `bench.device.result`.

    Raises:
        UserError: the target cannot be measured; says why and what to do.
    """
    names = [*subject.main, *(name for name, network in subject.drop_ins.items() if network in subject.main)]
    paths = {name: subject.files[name].path for name in names}
    integer = {name: subject.files[name].integer for name in names}
    raw = _inputs(subject, names, clips)
    if not target.startswith(SSH):
        whole = [name for name, is_integer in integer.items() if is_integer]
        return emulate(emulated.prepare(emulator), boards.load(target), paths, whole, raw)
    with tempfile.TemporaryDirectory(prefix="tinyasc-bundle-") as folder:
        packed = bundle.write(Path(folder), paths, raw, Settings(steady_seconds=steady_seconds))
        with closing(ssh.Ssh(ssh.parse(target))) as transport:
            return Session(transport, packed).measure(integer, keep)


def _inputs(subject: Subject, names: list[str], clips: Clips | None) -> dict[str, np.ndarray]:
    models = subject.load(names)
    if clips is not None and subject.card is not None:
        return inputs.of_clips(models, clips, subject.card)
    return {name: inputs.varied(model) for name, model in models.items()}
