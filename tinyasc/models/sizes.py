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


def _tf_sepnet_of_the_paper(base_channels: int) -> Size:
    config = {"base_channels": base_channels, "pooled_stages": [2, 3], "adaptive_norm": True}
    return Size("tf_sepnet", "TF-SepNet (Cai et al., 2024)", config)


def _tf_sepnet_2024(base_channels: int) -> Size:
    source = "XJTLU, DCASE 2024: the student, and other widths of its code"
    return Size("tf_sepnet", source, {"base_channels": base_channels}, front_end="tf_sepnet")


def _bc_resnet_for_keywords(base_channels: int) -> Size:
    return Size(
        "bc_resnet",
        "BC-ResNet (Kim et al., 2021), keywords",
        {"base_channels": base_channels, "form": "keywords", "sub_bands": 5},
        front_end="bc_resnet",
        n_classes=12,
        sample_rate=16_000,
        samples=16_000,
    )


def _acdnet(source: str, samples: int, sample_rate: int, n_classes: int, channels: list[int] | None = None) -> Size:
    config = {"samples": samples, "sample_rate": sample_rate} | ({"channels": channels} if channels else {})
    return Size("acdnet", source, config, None, n_classes, sample_rate, samples)


def _mobileast(
    channels: list[int], expansions: list[int], transformer_channels: int, embedding_channels: int, activation: str
) -> Size:
    config = {
        "channels": channels,
        "expansions": expansions,
        "transformer_channels": transformer_channels,
        "embedding_channels": embedding_channels,
        "activation": activation,
    }
    return Size("mobileast", "KmjGeorge/DCASE2023", config, front_end="mobileast_light")


def _mobilevit(channels: list[int], transformer_channels: list[int], expansion: int) -> Size:
    config = {"channels": channels, "transformer_channels": transformer_channels, "expansion": expansion}
    return Size("mobilevit", "MobileViT (Mehta and Rastegari, 2022), for one input channel", config)


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
    "tf_sepnet_2023": Size(
        "tf_sepnet",
        "XJTLU, DCASE 2023",
        {
            "base_channels": 40,
            "stem": "5x5",
            "pooled_stages": [2, 3],
            "adaptive_norm": True,
            "shuffle_groups": 10,
            "dropout": 0.2,
        },
    ),
    "tf_sepnet_paper_40": _tf_sepnet_of_the_paper(40),
    "tf_sepnet_paper_80": _tf_sepnet_of_the_paper(80),
    "tf_sepnet_64": _tf_sepnet_2024(64),
    "tf_sepnet_48": _tf_sepnet_2024(48),
    "tf_sepnet_40": _tf_sepnet_2024(40),
    "tf_sepnet_32": _tf_sepnet_2024(32),
    "bc_resnet_1": _bc_resnet_for_keywords(8),
    "bc_resnet_1_5": _bc_resnet_for_keywords(12),
    "bc_resnet_2": _bc_resnet_for_keywords(16),
    "bc_resnet_3": _bc_resnet_for_keywords(24),
    "bc_resnet_6": _bc_resnet_for_keywords(48),
    "bc_resnet_8": _bc_resnet_for_keywords(64),
    "bc_resnet_asc": Size("bc_resnet", "BC-ResNet for scenes, as easy_dcase_task1 (XJTLU, 2024) has it"),
    "passt_s": Size("passt_s", "PaSST (Koutini et al., 2022), for one second", front_end="passt"),
    "acdnet": _acdnet("ACDNet (Mohaimenuzzaman et al., 2023), for one second", 32_000, 32_000, 10),
    "acdnet_20k": _acdnet("ACDNet (Mohaimenuzzaman et al., 2023), for one second", 20_000, 20_000, 10),
    "acdnet_esc50": _acdnet("ACDNet (Mohaimenuzzaman et al., 2023)", 30_225, 20_000, 50),
    "micro_acdnet": _acdnet(
        "Micro-ACDNet (Mohaimenuzzaman et al., 2023)",
        30_225,
        20_000,
        50,
        [7, 20, 10, 14, 22, 31, 35, 41, 51, 67, 69, 48],
    ),
    "mobileast_light1_silu": _mobileast([64, 64], [1, 1, 1], 32, 160, "silu"),
    "mobileast_light1_relu": _mobileast([64, 64], [1, 1, 1], 32, 216, "relu"),
    "mobileast_light2_silu": _mobileast([32, 32], [2, 1, 2], 32, 160, "silu"),
    "mobileast_light2_relu": _mobileast([32, 32], [2, 1, 2], 32, 224, "relu"),
    "mobileast_light3_silu": _mobileast([32, 32], [1, 1, 1], 48, 128, "silu"),
    "mobileast_light3_relu": _mobileast([32, 32], [1, 1, 1], 48, 192, "relu"),
    "mobilevit_xxs": _mobilevit([16, 24, 48, 64, 80], [64, 80, 96], 2),
    "mobilevit_xs": _mobilevit([32, 48, 64, 80, 96], [96, 120, 144], 4),
    "mobilevit_s": _mobilevit([32, 64, 96, 128, 160], [144, 192, 240], 4),
}
