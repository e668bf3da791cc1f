"""A device for the tests: a folder of this machine, whose Python can be told to answer as another one's would."""

import json
import shlex
import stat
import sys
from pathlib import Path

from bench.boards.device import bundle
from bench.boards.remote import environment
from tests.support.local_device import Local

ANSWER = {
    "machine": "aarch64",
    "bits": 64,
    "python": [3, 11, 2],
    "libc": "glibc 2.36",
    "versions": {},
    "free_bytes": 10**10,
    "cores": 4,
    "now": 0.0,
}
"""What a Pi 4 with a bare system says of itself, its clock at 1970."""


def device(home: Path, python: str = sys.executable, instead: str = "") -> Local:
    """A device whose Python writes down what it is called with.

    Args:
        home: its home folder.
        python: shell words of the real one.
        instead: shell that comes before it; where that exits, the real one is not asked.
    """
    home.mkdir(exist_ok=True)
    script = home.with_suffix(".sh")
    script.write_text(f'#!/bin/sh\necho "$1" >> {home.with_suffix(".calls")}\n{instead}\nexec {python} "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return Local(home, str(script))


def runs(home: Path) -> int:
    """How often the runner was started there."""
    return home.with_suffix(".calls").read_text().count(bundle.RUNNER.name)


def answered(folder: Path, **differently: object) -> environment.Device:
    """What a device that answers so is taken for."""
    answer = shlex.quote(json.dumps({**ANSWER, **differently}))
    return environment.ask(device(folder / "answering", instead=f'[ "$1" = - ] && printf %s {answer} && exit'))
