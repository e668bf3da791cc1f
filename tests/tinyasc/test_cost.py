"""The counter against published tables, against counting by hand, and on what the field's tools get wrong."""

import warnings

import pytest
import torch
from torch import nn
from torch.ao import quantization
from torch.nn import functional as F
from torch.nn.utils import parametrizations, prune

from tests.support import tiny_programs
from tinyasc import cost
from tinyasc.errors import UserError
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

# Parameters and MACs of each convolution with its batch norm, as the README of CPJKU/dcase2024_task1_baseline has them.
BASELINE_2024 = [
    *[(88, 304_144), (2_368, 2_506_816)],
    *[(2_176, 2_228_352), (704, 626_816), (2_112, 2_228_288)] * 2,
    *[(2_176, 2_228_352), (704, 331_904), (2_112, 1_179_712)],
    *[(2_176, 1_179_776), (704, 166_016), (3_696, 1_032_304)],
    *[(6_960, 1_935_600), (1_320, 311_280), (6_832, 1_935_472)],
    *[(6_960, 1_935_600), (1_320, 311_280), (12_688, 3_594_448)],
    (1_040 + 20, 299_520 + 20),
]


@pytest.mark.parametrize("row", CP_MOBILE, ids=lambda row: "/".join(map(str, row[:3])))
def test_cp_mobile_table(row: tuple) -> None:
    base_channels, channels_multiplier, expansion_rate, *expected = row
    config = {"base_channels": base_channels, "channels_multiplier": channels_multiplier}
    model = build("cp_mobile", {**config, "expansion_rate": expansion_rate}, 10)
    at_64, at_65 = (cost.measure(model, (1, 1, 256, frames)).to_dict() for frames in (64, 65))
    found = [at_64["parameters"], at_64["deployed_parameters"], at_64["deployed_macs"], at_65["deployed_macs"]]
    assert found == expected


def test_cp_mobile_default_as_trained_is_what_torchinfo_prints() -> None:
    model = build("cp_mobile", {}, 10)
    counted = cost.measure(model, (1, 1, 256, 64))
    assert (counted.parameters, counted.macs) == (126_952, 28_893_268)
    assert counted.torchinfo == cost.Torchinfo(126_952, 28_893_268)
    # published: 122,760 INT8 weights; deployed, each output has a bias and each block two numbers of response norm
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    biases, blocks = sum(convolution.out_channels for convolution in convolutions), 6
    assert cost.fold(counted).parameters - biases - 2 * blocks == 122_760


STRIDES_2024 = {"strides": {"b2": [1, 1], "b3": [1, 2], "b4": [2, 1]}, "global_response_norm": False}


def test_dcase_2024_baseline_layer_by_layer() -> None:
    config = {"channels_multiplier": 1.8, "expansion_rate": 2.1, **STRIDES_2024}
    counted = cost.measure(build("cp_mobile", config, 10), (1, 1, 256, 65))
    assert (counted.parameters, counted.macs) == (61_148, 29_419_156)
    pairs = zip(counted.layers[::2], counted.layers[1::2], strict=True)
    found = [(layer.parameters + norm.parameters, layer.macs + norm.macs) for layer, norm in pairs]
    assert found == BASELINE_2024


def test_dcase_2024_baseline_in_the_width_of_2023() -> None:
    counted = cost.measure(build("cp_mobile", STRIDES_2024, 10), (1, 1, 256, 65))
    assert (counted.parameters, counted.macs) == (126_940, 53_174_356)


def test_passt_s_counts_every_token_and_attention_where_torchinfo_counts_one_token() -> None:
    model = build("passt_s", {}, 10).train()
    counted = cost.measure(model, (1, 1, 128, 100))
    assert counted.parameters == 85_290_260 == sum(parameter.numel() for parameter in model.parameters())
    assert counted.macs == 9_596_327_434  # published: 9.57 G and 21 M for the patches
    assert counted.torchinfo == cost.Torchinfo(85_290_260, 106_381_834)
    assert cost.fold(counted).parameters == 85_290_260 - 7_690  # the second classifier never runs
    assert model.training  # left as it was


class Modules(nn.Module):
    """(B, 1, 6, 6) -> (B, 5), as modules."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 8, 3)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.linear = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.convolution(x).flatten(2).transpose(1, 2)  # (B, 16, 8)
        mixed, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        return self.linear(mixed).mean(1)


class Functions(Modules):
    """The same as calls of functions."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        attention, out = self.attention, self.attention.out_proj
        tokens = F.conv2d(x, self.convolution.weight, self.convolution.bias).flatten(2).transpose(1, 2)
        projected = F.linear(tokens, attention.in_proj_weight, attention.in_proj_bias)
        query, key, value = projected.view(-1, 16, 3, 2, 4).permute(2, 0, 3, 1, 4)  # each (B, 2 heads, 16, 4)
        weights = (query @ key.transpose(2, 3) / 2).softmax(3)
        mixed = torch.einsum("bhqk,bhkd->bqhd", weights, value).flatten(2)
        return F.linear(F.linear(mixed, out.weight, out.bias), self.linear.weight, self.linear.bias).mean(1)


def test_modules_and_functions_cost_the_same() -> None:
    modules, functions = cost.measure(Modules(), (1, 1, 6, 6)), cost.measure(Functions(), (1, 1, 6, 6))
    rows = [(layer.name, layer.parameters, layer.macs) for layer in modules.layers]
    assert rows == [
        ("convolution", 80, 80 * 16),
        ("attention.in_proj_weight", 9 * 24, 9 * 24 * 16),
        ("attention", 0, 2 * 16 * 16 * 8),
        ("attention.out_proj", 72, 72 * 16),
        ("linear", 45, 45 * 16),
    ]
    in_functions = sorted((layer.parameters, layer.macs) for layer in functions.layers)
    assert in_functions == sorted((parameters, macs) for _, parameters, macs in rows)
    assert modules.torchinfo == cost.Torchinfo(413, 80 * 16 + 45)  # attention's projections are no calls of modules
    assert functions.torchinfo == cost.Torchinfo(413, 0)


def network() -> nn.Sequential:
    """(B, 1, 6, 6) -> (B, 3); 131 parameters when its batch norms are folded."""
    first = [nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU()]
    second = [nn.Conv2d(4, 4, 3, groups=4, bias=False), nn.BatchNorm2d(4), nn.ReLU()]
    return nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(16, 3))


def fake_quantized(fused_first: bool) -> nn.Module:
    """`network` prepared for torch's quantization-aware training."""
    pairs = [["0", "1", "2"], ["3", "4", "5"]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.ao says that it will move
        model = quantization.fuse_modules(network().eval(), pairs).train() if fused_first else network().train()
        model.qconfig = quantization.get_default_qat_qconfig("fbgemm")  # pyright: ignore[reportArgumentType]
        model = model if fused_first else quantization.fuse_modules_qat(model, pairs)
        return quantization.prepare_qat(model)


def pruned(structured: bool) -> nn.Module:
    model = network()
    if structured:
        prune.ln_structured(model[0], "weight", 0.5, n=2, dim=0)
    else:
        prune.l1_unstructured(model[0], "weight", 18)
    return model


def parametrized() -> nn.Module:
    model = network()
    parametrizations.weight_norm(model[0])
    parametrizations.spectral_norm(model[7])
    return model


@pytest.mark.parametrize(
    ("model", "parameters", "torchinfo"),
    [
        (network(), 139, (139, 787)),
        (fake_quantized(fused_first=True), 131, (131, 0)),
        (fake_quantized(fused_first=False), 139, (139, 16)),
        (pruned(structured=False), 139, (121, 787 - 18 * 16)),  # zeros are parameters, by the rules of 2022
        (pruned(structured=True), 139, (121, 787 - 18 * 16)),
        (parametrized(), 143, (143, 160)),  # weight norm trains a length per channel more
    ],
    ids=["plain", "qat", "qat with batch norm", "pruned", "pruned channels", "parametrized"],
)
def test_training_tricks_deploy_the_same_network(model: nn.Module, parameters: int, torchinfo: tuple[int, int]) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    counted = cost.measure(model, (1, 1, 6, 6))
    deployed = cost.fold(counted)
    assert counted.parameters == parameters
    assert (deployed.parameters, deployed.macs) == (131, 40 * 16 + 40 * 4 + 51)
    assert counted.torchinfo == cost.Torchinfo(*torchinfo)
    assert counted.peak_activations == 64 + 36
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0, equal_nan=True)


def test_quantized_network_costs_what_its_float_network_will() -> None:
    shape = (1, 1, tiny_programs.F, tiny_programs.T)
    trained = cost.measure(tiny_programs.network(), shape)
    quantized = cost.measure(tiny_programs.quantized(), shape)
    expected = cost.fold(trained)
    assert (expected.parameters, expected.macs) == (tiny_programs.float_program().parameter_count, 139_540)
    assert (quantized.parameters, quantized.macs) == (expected.parameters, expected.macs)
    assert quantized.peak_activations == trained.peak_activations


class Shared(nn.Module):
    """Four layers in the same memory, one of them transposed, and one that never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.same = nn.Linear(8, 8), nn.Linear(8, 8)
        self.same.weight = self.first.weight
        self.memory, self.transposed = nn.Linear(8, 8, bias=False), nn.Linear(8, 8, bias=False)
        self.memory.weight = nn.Parameter(self.first.weight.data)
        self.transposed.weight = nn.Parameter(self.first.weight.data.t())
        self.unused = nn.Linear(8, 100)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.transposed(self.memory(self.same(self.first(x))))


def test_memory_that_is_shared_counts_once_and_parameters_that_nothing_reads_are_not_deployed() -> None:
    counted = cost.measure(Shared(), (1, 8))
    assert (counted.parameters, counted.macs) == (64 + 16 + 900, 4 * 64 + 16)
    assert cost.fold(counted).parameters == 64 + 16
    assert counted.torchinfo == cost.Torchinfo(4 * 64 + 16 + 900, 4 * 64 + 16)


@pytest.mark.parametrize(
    ("layers", "deployed_parameters", "deployed_macs"),
    [
        ([nn.Conv2d(1, 4, 3, bias=True), nn.BatchNorm2d(4)], 40, 40 * 16),  # the bias takes in the norm's
        ([nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4, affine=False)], 40, 40 * 16),
        ([nn.ConvTranspose2d(1, 4, 3), nn.BatchNorm2d(4)], 40, 36 * 36 + 4 * 64),
        ([nn.Flatten(), nn.Linear(36, 4), nn.BatchNorm1d(4)], 148, 148),
        ([nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.BatchNorm2d(4)], 48, 40 * 16 + 8),  # not right behind
        ([nn.Conv2d(1, 4, 3), nn.Unflatten(1, (2, 2)), nn.Flatten(0, 1), nn.BatchNorm2d(2)], 44, 40 * 16 + 4),
        ([nn.Conv2d(1, 4, 3), nn.InstanceNorm2d(4, affine=True)], 48, 40 * 16 + 8),
    ],
)
def test_which_norms_are_folded(layers: list[nn.Module], deployed_parameters: int, deployed_macs: int) -> None:
    deployed = cost.fold(cost.measure(nn.Sequential(*layers), (1, 1, 6, 6)))
    assert (deployed.parameters, deployed.macs) == (deployed_parameters, deployed_macs)


class Residual(nn.Module):
    """Peak activations: at the depthwise convolution two of 8 channels and the shortcut of 2 are alive."""

    def __init__(self) -> None:
        super().__init__()
        self.expand = nn.Sequential(nn.Conv2d(2, 8, 1), nn.BatchNorm2d(8), nn.ReLU())
        self.depthwise = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.BatchNorm2d(8), nn.SiLU())
        self.project = nn.Conv2d(8, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.project(self.depthwise(self.expand(x)).relu())


def test_peak_of_activations() -> None:
    counted = cost.measure(Residual(), (1, 2, 5, 4)).to_dict()
    assert counted["peak_activation_bytes_int8"] == (8 + 8 + 2) * 20
    assert counted["peak_activation_bytes_float"] == 4 * (8 + 8 + 2) * 20
    attention = cost.measure(Modules(), (1, 1, 6, 6))
    assert attention.peak_activations == 16 * 24 + 2 * 16 * 16 + 16 * 8  # projections, scores of two heads, the result


def test_recurrent_layers_are_counted_at_every_step() -> None:
    lstm = cost.measure(nn.LSTM(8, 6, batch_first=True), (1, 10, 8))
    # the first step has no state yet: its product with zeros is known beforehand
    assert [(layer.name, layer.parameters, layer.macs) for layer in lstm.layers] == [
        ("weight_ih_l0", 4 * 6 * (8 + 1), 10 * 4 * 6 * (8 + 1)),
        ("weight_hh_l0", 4 * 6 * (6 + 1), 9 * 4 * 6 * (6 + 1)),
    ]
    assert cost.fold(lstm).parameters == lstm.parameters


class Twice(nn.Bilinear):
    """(B, 8) -> (B, 3)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().forward(x, x)


def test_products_that_are_not_known_are_one_line() -> None:
    with pytest.raises(UserError, match=r"_trilinear with weight are not known: .* matrix products"):
        cost.measure(Twice(8, 8, 3), (1, 8))


class Looked(nn.Module):
    """(B, 4) -> (B, 1, 8): reads tables of weights without a product."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.token = nn.Embedding(5, 8), nn.Parameter(torch.zeros(1, 1, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = torch.cat([self.token.expand(len(x), -1, -1), self.table(x.long())], 1)
        return tokens.amax(1, keepdim=True) + self.token


def test_parameters_that_are_only_copied_and_added_cost_no_macs() -> None:
    counted = cost.measure(Looked(), (1, 4))
    assert (counted.parameters, counted.macs, cost.fold(counted).parameters) == (48, 0, 48)
