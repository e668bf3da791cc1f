"""The architectures by name, and how to build one from the plain dict that a recipe or a model card holds.

One architecture a file: a frozen config dataclass and a module `(config, n_classes) -> nn.Module` that takes what its
front end gives, log-mel (B, 1, F, T) or the waveform (B, 1, 1, S), and gives logits (B, K). `sizes` holds the published
sizes of all of them.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser
from torch import nn

from tinyasc.errors import UserError
from tinyasc.mel import MelConfig
from tinyasc.models.acdnet import ACDNet, ACDNetConfig
from tinyasc.models.bc_resnet import BCResNet, BCResNetConfig
from tinyasc.models.cp_mobile import CPMobile, CPMobileConfig
from tinyasc.models.cp_resnet import CPResNet, CPResNetConfig
from tinyasc.models.mobileast import MobileAST, MobileASTConfig
from tinyasc.models.mobilevit import MobileViT, MobileViTConfig
from tinyasc.models.passt import Passt, PasstConfig, PasstS, PasstSConfig
from tinyasc.models.tf_sepnet import TFSepNet, TFSepNetConfig


@dataclass(frozen=True)
class Architecture:
    """One kind of network."""

    config: type
    """Its frozen config dataclass."""
    network: Callable[..., nn.Module]
    """(config, n_classes) -> the network."""
    classifier: str
    """Name of its module that makes classes of the embedding: what it is given, averaged over positions, is (B, C)."""
    takes_waveform: bool = False
    """Whether it takes the waveform itself, not log-mel."""


ARCHITECTURES: dict[str, Architecture] = {
    "cp_mobile": Architecture(CPMobileConfig, CPMobile, "head"),
    "cp_resnet": Architecture(CPResNetConfig, CPResNet, "head"),
    "passt": Architecture(PasstConfig, Passt, "net.head"),
    "passt_s": Architecture(PasstSConfig, PasstS, "net.head"),
    "acdnet": Architecture(ACDNetConfig, ACDNet, "classifier", takes_waveform=True),
    "mobileast": Architecture(MobileASTConfig, MobileAST, "classifier"),
    "mobilevit": Architecture(MobileViTConfig, MobileViT, "classifier"),
    "tf_sepnet": Architecture(TFSepNetConfig, TFSepNet, "head"),
    "bc_resnet": Architecture(BCResNetConfig, BCResNet, "head"),
}


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
