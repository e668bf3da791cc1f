"""The environments in which other people's runtimes run, so that none of them changes this project's."""

import re
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from bench.measure import process
from tinyasc.errors import UserError

FOLDER = Path(".venv-referees")
"""Where they lie, one folder each by name, unless the caller says otherwise."""
TFLITE_MICRO, TFLITE_RUNTIME = "tflite_micro_interpreter", "tflite_runtime_interpreter"
FETCH_SECONDS = 60 * process.MINUTE
PACKAGES: dict[str, tuple[str, ...]] = {
    TFLITE_RUNTIME: ("tflite-runtime==2.14.0", "numpy<2"),
    TFLITE_MICRO: ("tflite-micro", "numpy"),
}
"""The environments that the judge measures with where they are there, and what pip installs into each."""


def prepared(environment: Path, packages: Sequence[str]) -> Path:
    """The Python of an environment with these packages; made where there is none, and kept for the next time.

    Args:
        environment: its folder.
        packages: what it needs, as pip takes it.

    Raises:
        UserError: they cannot be installed here.
    """
    python, made = environment / "bin/python", environment / ".made"
    what = f"{', '.join(packages)} cannot be installed here"
    if not made.exists():  # again where it was stopped half-way
        _run([sys.executable, "-m", "venv", environment], what)
        made.touch()
    _run([python, "-m", "pip", "install", "-q", *packages], what)
    return python


def found(name: str, environments: Path = FOLDER) -> Path | None:
    """The Python of one of PACKAGES's environments that was made before; None where it or a package of it is missing.

    It looks at files only, and installs nothing.
    """
    python = environments / name / "bin/python"
    if not python.exists():
        return None
    folders = [str(folder) for folder in (environments / name).glob("lib/python*/site-packages")]
    for package in PACKAGES[name]:
        project = re.split(r"[\s\[<>=!~;]", package, maxsplit=1)[0]
        if not any(metadata.distributions(name=project, path=folders)):
            return None
    return python


def _run(command: list[str | Path], what: str) -> None:
    done = process.run(command, what, seconds=FETCH_SECONDS)
    if done.returncode != 0:
        raise UserError(f"{what}: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
