"""`--target ssh:user@host`: one call that measures model files there."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bench.boards.device import bundle
from bench.boards.device.bundle import Settings
from bench.boards.device.result import TargetResult
from bench.boards.remote import ssh
from bench.boards.remote.session import Session
from bench.boards.remote.ssh import Ssh


def measure(
    target: str,
    models: Mapping[str, Path],
    inputs: Mapping[str, np.ndarray],
    integer: Mapping[str, bool],
    *,
    steady_seconds: float = 0.0,
    keep: bool = False,
) -> TargetResult:
    """Measure files on a device, and return the result of that target (`bench.boards.device.result`).

    The same arguments after a lost connection take up what was begun there.

    Args:
        target: ssh:user@host or ssh:user@host:port.
        models: file name -> model file.
        inputs: file name -> raw inputs (n, *input shape) in the type that the file takes.
        integer: file -> whether its network computes in integers.
        steady_seconds: how long each file then runs without a pause, for a power meter; 0: not at all.
        keep: leave folder and runtimes on the device.

    Raises:
        UserError: whatever kept it from that, with what to do and what is left on the device.
    """
    transport = Ssh(ssh.parse(target))
    try:
        with tempfile.TemporaryDirectory() as place:
            work = bundle.write(Path(place), models, inputs, Settings(steady_seconds=steady_seconds))
            return Session(transport, work).measure(integer, keep)
    finally:
        transport.close()
