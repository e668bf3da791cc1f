"""Every published size of every architecture, by name."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Size:
    """One network that somebody published figures of."""

    architecture: str
    """A name in `tinyasc.models.ARCHITECTURES`."""
    source: str
    """Who published it."""
    config: dict[str, Any] = field(default_factory=dict)
    """Its settings; the architecture's defaults hold for what is left out."""
    front_end: str | None = "cp_mobile"
    """A name in `tinyasc.mel.MEL_CONFIGS`; none: it takes the waveform."""
    n_classes: int = 10
    sample_rate: int = 32_000
    """Hz."""
    samples: int = 32_000
    """Length of a clip."""


def _cp_mobile(base_channels: int, channels_multiplier: float, expansion_rate: float) -> Size:
    config = {
        "base_channels": base_channels,
        "channels_multiplier": channels_multiplier,
        "expansion_rate": expansion_rate,
    }
    return Size("cp_mobile", "CP-JKU, DCASE 2023", config)


def _cp_resnet(config: dict[str, Any]) -> Size:
    return Size("cp_resnet", "CP-JKU, DCASE 2023: other settings of the published code", config, front_end="cp_resnet")


SIZES: dict[str, Size] = {
    "cp_mobile_s1": _cp_mobile(8, 1.9, 1.7),
    "cp_mobile_s2": _cp_mobile(16, 1.5, 1.7),
    "cp_mobile_s3": _cp_mobile(24, 1.5, 1.9),
    "cp_mobile_s4": _cp_mobile(32, 1.7, 1.9),
    "cp_mobile_59k": _cp_mobile(32, 1.8, 2.1),
    "cp_mobile_88k": _cp_mobile(32, 2.1, 2.5),
    "cp_mobile": Size("cp_mobile", "CP-JKU, DCASE 2023: default of the published code"),
    "baseline_2024": Size(
        "cp_mobile",
        "baseline of DCASE 2024 and 2025",
        {
            "channels_multiplier": 1.8,
            "expansion_rate": 2.1,
            "strides": {"b2": [1, 1], "b3": [1, 2], "b4": [2, 1]},
            "global_response_norm": False,
        },
        front_end="baseline_2024",
    ),
    "cp_resnet_2022": Size("cp_resnet", "CP-JKU, DCASE 2022: the student", front_end="cp_resnet_2022"),
    "cp_resnet_2023_teacher": Size("cp_resnet", "CP-JKU, DCASE 2023: a teacher", front_end="cp_resnet"),
    "cp_resnet_rho4": _cp_resnet({"rho": 4}),
    "cp_resnet_rho6": _cp_resnet({"rho": 6}),
    "cp_resnet_rho12": _cp_resnet({"rho": 12}),
    "cp_resnet_base64": _cp_resnet({"base_channels": 64}),
    "cp_resnet_base128": _cp_resnet({"base_channels": 128}),
    "cp_resnet_damped": Size(
        "cp_resnet",
        "CP-JKU, DCASE 2020: frequency damping, on the network of 2022",
        {"frequency_damping": 0.01},
        front_end="cp_resnet_2022",
    ),
    "passt_s": Size("passt_s", "PaSST (Koutini et al., 2022), for one second", front_end="passt"),
}
