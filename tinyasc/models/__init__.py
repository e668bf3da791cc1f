"""The architectures by name, and how to build one from the plain dict that a recipe or a model card holds.

One architecture a file: a frozen config dataclass and a module `(config, n_classes) -> nn.Module` that takes what its
front end gives, log-mel (B, 1, F, T) or the waveform (B, 1, 1, S), and gives logits (B, K). `sizes` holds the published
sizes of all of them.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

from torch import nn

from tinyasc.errors import UserError
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


ARCHITECTURES: dict[str, Architecture] = {
    "cp_mobile": Architecture(CPMobileConfig, CPMobile),
    "cp_resnet": Architecture(CPResNetConfig, CPResNet),
    "passt": Architecture(PasstConfig, Passt),
    "passt_s": Architecture(PasstSConfig, PasstS),
    "acdnet": Architecture(ACDNetConfig, ACDNet),
    "mobileast": Architecture(MobileASTConfig, MobileAST),
    "mobilevit": Architecture(MobileViTConfig, MobileViT),
    "tf_sepnet": Architecture(TFSepNetConfig, TFSepNet),
    "bc_resnet": Architecture(BCResNetConfig, BCResNet),
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


def _config(architecture: str, config: dict[str, Any]) -> Any:
    if architecture not in ARCHITECTURES:
        raise UserError(f"unknown architecture {architecture!r}: choose from {', '.join(ARCHITECTURES)}")
    kind = ARCHITECTURES[architecture].config
    names = [item.name for item in fields(kind)]
    if unknown := sorted(set(config) - set(names)):
        raise UserError(f"{architecture} has no setting {', '.join(unknown)}: choose from {', '.join(names)}")
    try:
        return kind(**config)
    except (TypeError, ValueError) as error:
        raise UserError(f"settings of {architecture} are not usable: {error}") from None
