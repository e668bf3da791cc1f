"""What a file of this folder says about its network: `@architecture(...)` on the class is all that makes it known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from torch import nn

from tinyasc.front_end import FrontEnd
from tinyasc.mel import MelConfig

Network = TypeVar("Network", bound=Callable[..., nn.Module])


@dataclass(frozen=True)
class Size:
    """One network that somebody published figures of."""

    source: str
    """Who published it."""
    config: dict[str, Any] = field(default_factory=dict)
    """Its settings; the architecture's defaults hold for what is left out."""
    front_end: FrontEnd = MelConfig()  # noqa: RUF009  # frozen
    """Settings of its spectrograms; none: it takes the waveform."""
    n_classes: int = 10
    sample_rate: int = 32_000
    """Hz."""
    samples: int = 32_000
    """Length of a clip."""
    architecture: str = ""
    """Name of its architecture, filled in when that is registered."""


@dataclass(frozen=True)
class Architecture:
    """One kind of network."""

    network: Callable[..., nn.Module]
    """(config, n_classes) -> the network."""
    config: type
    """Its frozen config dataclass."""
    classifier: str
    """Name of its module that makes classes of the embedding: what it is given, averaged over positions, is (B, C)."""
    sizes: Mapping[str, Size]
    """Published sizes by name."""
    front_ends: Mapping[str, MelConfig]
    """Published settings of its spectrograms by name."""
    takes_waveform: bool
    """Whether it takes the waveform itself, not log-mel."""
    prunable: str | None
    """Pattern of the names of the layers whose output channels its config's `channels` lists, in running order; none:
    the config cannot say what pruning leaves."""
    order: int
    """Position in lists, those of one order by name."""


registered: dict[str, Architecture] = {}
"""By name, in the order of registration."""


def architecture(
    name: str,
    config: type,
    *,
    classifier: str,
    sizes: Mapping[str, Size] | None = None,
    front_ends: Mapping[str, MelConfig] | None = None,
    takes_waveform: bool = False,
    prunable: str | None = None,
    order: int = 100,
) -> Callable[[Network], Network]:
    """Register a class as the network of an architecture; the arguments are the fields of `Architecture`.

    Raises:
        ValueError: the name, or that of a size or a front end, is taken.
    """

    def register(network: Network) -> Network:
        if name in registered:
            raise ValueError(f"there are two architectures {name}")
        for other in registered.values():
            if taken := (other.sizes.keys() & (sizes or {})) | (other.front_ends.keys() & (front_ends or {})):
                raise ValueError(f"{name} names {', '.join(sorted(taken))}, which another architecture has")
        named = {size: replace(published, architecture=name) for size, published in (sizes or {}).items()}
        registered[name] = Architecture(
            network, config, classifier, named, front_ends or {}, takes_waveform, prunable, order
        )
        return network

    return register
