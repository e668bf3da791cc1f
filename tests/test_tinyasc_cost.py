"""Parameters and MACs against the published tables of CP-Mobile, the 2024 baseline and PaSST-S."""

import pytest
from torch import nn

from tinyasc import cost
from tinyasc.models import build

# base channels, multiplier, expansion | parameters as trained, deployed | MACs deployed at 256x64, at 256x65
CP_MOBILE = [
    (8, 1.9, 1.7, 6_086, 5_722, 1_582_336, 1_725_344),
    (8, 2.1, 2.0, 6_086, 5_722, 1_582_336, 1_725_344),
    (16, 1.5, 1.7, 12_892, 12_310, 4_354_304, 4_721_440),
    (16, 1.5, 2.0, 13_996, 13_382, 4_491_520, 4_875_808),
    (24, 1.5, 1.9, 31_058, 30_106, 9_638_144, 10_475_808),
    (24, 1.5, 2.0, 31_058, 30_106, 9_638_144, 10_475_808),
    (32, 1.7, 1.9, 55_464, 54_182, 16_803_072, 18_278_816),
    (32, 1.8, 2.1, 61_160, 59_806, 17_522_944, 19_088_672),
    (32, 2.1, 2.5, 89_784, 88_086, 22_998_272, 25_137_824),
    (32, 2.3, 3.0, 126_952, 124_862, 29_561_088, 32_410_400),
]


@pytest.mark.parametrize("row", CP_MOBILE, ids=lambda row: "/".join(map(str, row[:3])))
def test_cp_mobile_table(row):
    base_channels, channels_multiplier, expansion_rate, *expected = row
    model = build(
        "cp_mobile",
        {
            "base_channels": base_channels,
            "channels_multiplier": channels_multiplier,
            "expansion_rate": expansion_rate,
        },
        n_classes=10,
    )
    at_64, at_65 = (cost.measure(model, (1, 1, 256, frames)).to_dict() for frames in (64, 65))
    assert [
        at_64["parameters"],
        at_64["deployed_parameters"],
        at_64["deployed_macs"],
        at_65["deployed_macs"],
    ] == expected


def test_cp_mobile_default_as_trained():
    assert cost.measure(build("cp_mobile", {}, 10), (1, 1, 256, 64)).macs == 28_893_268


def test_dcase_2024_baseline_without_response_norm():
    strides = {"b2": [1, 1], "b3": [1, 2], "b4": [2, 1]}
    config = {"channels_multiplier": 1.8, "expansion_rate": 2.1, "strides": strides, "global_response_norm": False}
    counted = cost.measure(build("cp_mobile", config, 10), (1, 1, 256, 65))
    assert (counted.parameters, counted.macs) == (61_148, 29_419_156)


def test_passt_s_counts_every_token_and_attention():
    model = build("passt_s", {}, 10).train()
    counted = cost.measure(model, (1, 1, 128, 100))
    assert counted.parameters == 85_290_260 == sum(parameter.numel() for parameter in model.parameters())
    assert counted.macs / 1e9 == pytest.approx(9.57 + 0.021, abs=0.01)
    assert model.training  # left as it was


def test_folding_takes_in_a_bias_that_was_there():
    model = nn.Sequential(nn.Conv2d(1, 4, 3, bias=True), nn.BatchNorm2d(4))
    counted = cost.measure(model, (1, 1, 5, 5))
    assert counted.to_dict() == {
        "parameters": 36 + 4 + 8,
        "macs": 40 * 9 + 8,
        "deployed_parameters": 40,
        "deployed_macs": 40 * 9,
    }
