"""Other people's packages in environments of their own, so that none of them changes what this project runs on."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tinyasc.errors import UserError


def prepared(environment: Path, packages: Sequence[str]) -> Path:
    """The Python of an environment with these packages; made where there is none, and kept for the next time.

    Args:
        environment: its folder.
        packages: what it needs, as pip takes it.

    Raises:
        UserError: they cannot be installed here.
    """
    python, made = environment / "bin/python", environment / ".made"
    try:
        if not made.exists():  # again where it was stopped half-way
            _run([sys.executable, "-m", "venv", environment])
            made.touch()
        _run([python, "-m", "pip", "install", "-q", *packages])
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(f"{', '.join(packages)} cannot be installed here: {reason}") from None
    return python


def _run(command: list[object]) -> None:
    subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True)
