"""The architectures by name, and how to build one from the plain dict that a recipe or a model card holds.

One architecture a file of this folder: a frozen config dataclass and a module `(config, n_classes) -> nn.Module` that
takes what its front end gives, log-mel (B, 1, F, T) or the waveform (B, 1, 1, S), and gives logits (B, K). It says what
else is known of it (published sizes and front ends, what can be pruned) where it registers itself: see `registry`.
"""

import copy
import math
from dataclasses import asdict, fields
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser
from torch import nn

from tinyasc.errors import UserError
from tinyasc.mel import MelConfig
from tinyasc.models.registry import Architecture, Size, registered

for _module in iter_modules(__path__):
    if not _module.name.startswith("_"):
        import_module(f"{__name__}.{_module.name}")

ARCHITECTURES: dict[str, Architecture] = dict(sorted(registered.items(), key=lambda item: (item[1].order, item[0])))
"""Every architecture that a file of this folder registers, by name."""
SIZES: dict[str, Size] = {name: size for kind in ARCHITECTURES.values() for name, size in kind.sizes.items()}
"""Every published size by name."""
MEL_CONFIGS: dict[str, MelConfig] = {
    name: mel for kind in ARCHITECTURES.values() for name, mel in kind.front_ends.items()
}
"""Every published front end by name."""


def resolve(architecture: str, config: dict[str, Any]) -> dict[str, Any]:
    """The whole config of an architecture: `config` checked, with the defaults for what it leaves out.

    Raises:
        UserError: unknown architecture, unknown key, or a value that the architecture refuses.
    """
    return asdict(_config(architecture, config))


def build(architecture: str, config: dict[str, Any], n_classes: int) -> nn.Module:
    """A new network with weights drawn from torch's current random state.

    Args:
        architecture: a name in ARCHITECTURES.
        config: fields of that architecture's config dataclass; the defaults hold for what is left out.
        n_classes: number of logits.

    Raises:
        UserError: see `resolve`.
    """
    settings = _config(architecture, config)
    return ARCHITECTURES[architecture].network(settings, n_classes)


def check_front_end(architecture: str, mel: MelConfig | None) -> None:
    """A network of spectrograms must be given them, one of the waveform must not.

    Raises:
        UserError: it is not so.
    """
    takes_waveform = ARCHITECTURES[architecture].takes_waveform
    if takes_waveform and mel is not None:
        raise UserError(f"{architecture} takes the waveform: give --mel null")
    if not takes_waveform and mel is None:
        raise UserError(f"{architecture} takes log-mel spectrograms: give the settings of --mel")


def _config(architecture: str, config: dict[str, Any]) -> Any:
    if architecture not in ARCHITECTURES:
        raise UserError(f"unknown architecture {architecture!r}: choose from {', '.join(ARCHITECTURES)}")
    kind = ARCHITECTURES[architecture].config
    names = [item.name for item in fields(kind)]
    if unknown := sorted(set(config) - set(names)):
        raise UserError(f"{architecture} has no setting {', '.join(unknown)}: choose from {', '.join(names)}")
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--model", type=kind)
    try:
        settings = parser.instantiate(parser.parse_object({"model": copy.deepcopy(config)})).model
    except (ArgumentError, TypeError, ValueError) as error:
        reason = " ".join(str(error).removeprefix("Validation failed: ").split())
        raise UserError(f"settings of {architecture} are not usable: {reason}") from None
    for name, value in asdict(settings).items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"{architecture}: {name} is {value}: give a number")
    return settings
