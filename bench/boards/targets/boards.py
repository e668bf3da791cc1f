"""Reads the boards of this folder."""

from dataclasses import dataclass, fields
from pathlib import Path

import msgspec
import yaml

from tinyasc.errors import UserError

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Core:
    """How one core introduces itself in /proc/cpuinfo (MIDR_EL1 of the core's Technical Reference Manual, hwcaps)."""

    implementer: str
    architecture: int
    variant: str
    part: str
    revision: int
    features: list[str]


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board by its name."""

    key: str
    """As in `--target`: the name of its .yaml."""
    name: str
    """What its maker calls it."""
    processor: str
    """Arm's and QEMU's name of its cores, for example cortex-a72."""
    cores: int
    clock_hz: float
    """Highest clock as it is sold."""
    core: Core
    source: str
    """Where clock and core are from."""


def known() -> list[str]:
    """Every board there is."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load(key: str) -> Board:
    """A board by its key.

    Raises:
        UserError: there is none of that name, or its file does not describe one.
    """
    if key not in known():
        raise UserError(
            f"there is no target {key}: take {', '.join(known())} (emulated, all 64-bit: for the 32-bit Arm of a Pi 1, "
            "a Pi 2, a Zero or a 32-bit system no current runtimes are published) or ssh:user@host[:port]"
        )
    path = FOLDER / f"{key}.yaml"
    try:
        content = yaml.safe_load(path.read_text())
        if not isinstance(content, dict):
            raise ValueError("it is no mapping")
        if unknown := content.keys() - {field.name for field in fields(Board)}:
            raise ValueError(f"unknown field `{min(unknown)}`")
        return msgspec.convert({**content, "key": key}, Board)
    except (yaml.YAMLError, ValueError) as error:  # msgspec's errors are ValueErrors
        raise UserError(f"{path} describes no board: {' '.join(str(error).split())}") from None
