"""MobileAST-light and MobileViT: published figures, and their transformer against torch's own."""

import pytest
import torch
from torch import nn

from tinyasc.cost import fold, measure
from tinyasc.errors import UserError
from tinyasc.models import SIZES, build
from tinyasc.models.layers.transformer import Attention, PatchTransformer, unfold

# KmjGeorge/DCASE2023, configs/mobileastconfig.py: parameters and millions of MACs, as trained, then with batch norms
# fused.
MOBILEAST = {
    "mobileast_light1_silu": (52_960, 23.048, 52_288, 23.804),
    "mobileast_light1_relu": (57_216, 23.507, 56_488, 24.270),
    "mobileast_light2_silu": (47_520, 26.914, 46_848, 27.867),
    "mobileast_light2_relu": (52_384, 27.439, 51_648, 28.400),
    "mobileast_light3_silu": (53_040, 12.350, 52_592, 12.870),
    "mobileast_light3_relu": (57_904, 12.875, 57_392, 13.403),
}
# timm: parameters for pictures (3 channels, 1,000 classes) and for spectrograms (1 channel, 10 classes); of the latter,
# millions of MACs at 256 x 256. Then our own MACs there: as torchinfo counts them, and at every token.
MOBILEVIT = {
    "mobilevit_xxs": (1_272_024, 953_946, 192, 190_955_034, 403_956_218),
    "mobilevit_xs": (2_317_848, 1_936_410, 607, 603_853_386, 1_023_256_602),
    "mobilevit_s": (5_578_632, 4_943_754, 1_100, 1_090_568_634, 1_999_263_018),
}


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("name", MOBILEAST)
def test_figures_of_mobileast(name):
    size = SIZES[name]
    cost = measure(build(size.architecture, size.config, size.n_classes), (1, 1, 256, 64))
    deployed = fold(cost)
    macs = cost.torchinfo.macs
    millions = [round(number / 1e6, 3) for number in (macs, macs + deployed.macs - cost.macs)]
    assert (cost.torchinfo.parameters, millions[0], deployed.parameters, millions[1]) == MOBILEAST[name]
    assert cost.parameters == cost.torchinfo.parameters


def test_mobileast_costs_more_than_published_when_every_token_counts():
    cost = measure(build("mobileast", {}, 10), (1, 1, 256, 64))
    tokens, width, mlp, depth = 512, 32, 64, 2  # 32 x 16 pixels, in four sequences of 128
    linear = depth * (3 * width * width + (width + 1) * width + (width + 1) * mlp + (mlp + 1) * width)
    products = depth * 2 * tokens * 128 * width
    assert cost.macs == cost.torchinfo.macs + (tokens - 1) * linear + products == 40_398_624


@pytest.mark.parametrize("name", MOBILEVIT)
def test_figures_of_mobilevit(name):
    picture, spectrogram, millions, as_torchinfo, every_token = MOBILEVIT[name]
    size = SIZES[name]
    assert parameters(build("mobilevit", size.config | {"input_channels": 3}, 1_000)) == picture
    model = build("mobilevit", size.config, 10)
    assert parameters(model) == spectrogram
    # timm has the four pixels of a patch in the first axis, where torchinfo counts them
    linear = [
        parameters(module)
        for path, module in model.named_modules()
        if isinstance(module, nn.Linear) and "transformer" in path
    ]
    cost = measure(model, (1, 1, 256, 256))
    assert (cost.torchinfo.macs + 3 * sum(linear)) / 1e6 == pytest.approx(millions, abs=1)
    assert (cost.torchinfo.macs, cost.macs) == (as_torchinfo, every_token)


@pytest.mark.parametrize("name", ["mobileast_light1_relu", "mobileast_light2_silu", "mobilevit_xxs"])
def test_they_learn_are_exported_and_say_the_same_afterwards(name):
    torch.manual_seed(0)
    size = SIZES[name]
    model = build(size.architecture, size.config, 5)
    log_mel = torch.randn(2, 1, 256, 64)
    model(log_mel).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters())
    program = torch.export.export(model.eval(), (torch.zeros(1, 1, 256, 64),))
    with torch.no_grad():
        torch.testing.assert_close(program.module()(log_mel[:1]), model(log_mel)[:1], rtol=1e-4, atol=1e-5)


def test_attention_against_torch():
    torch.manual_seed(0)
    attention = Attention(16, heads=4, bias=True)
    golden = nn.MultiheadAttention(16, 4, batch_first=True)
    golden.load_state_dict(
        {
            "in_proj_weight": attention.queries_keys_values.weight,
            "in_proj_bias": attention.queries_keys_values.bias,
            "out_proj.weight": attention.projection.weight,
            "out_proj.bias": attention.projection.bias,
        }
    )
    x = torch.randn(3, 4, 5, 16)  # (B, P, N, C): 12 sequences of 5
    rows = x.reshape(12, 5, 16)
    torch.testing.assert_close(attention(x).reshape(12, 5, 16), golden(rows, rows, rows)[0])


def test_pixels_attend_to_those_at_their_place_in_other_patches():
    x = torch.arange(2 * 3 * 4 * 6.0).reshape(2, 3, 4, 6)
    patches = unfold(x)  # (B, P, N, C)
    for pixel, (band, frame) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        expected = x[:, :, band::2, frame::2].reshape(2, 3, 6).transpose(1, 2)
        assert torch.equal(patches[:, pixel], expected)


def test_a_transformer_that_does_nothing_leaves_the_map_as_it_is():
    transformer = PatchTransformer(
        8, depth=1, heads=2, mlp_channels=4, bias=False, final_norm=False, activation=nn.ReLU
    )
    for parameter in transformer.parameters():
        nn.init.zeros_(parameter)
    x = torch.randn(2, 8, 6, 4)
    assert torch.equal(transformer(x), x)


@pytest.mark.parametrize(("name", "shape"), [("mobileast", (1, 1, 256, 43)), ("mobilevit", (1, 1, 256, 65))])
def test_spectrograms_that_do_not_divide_into_patches_are_one_line(name, shape):
    with pytest.raises(UserError, match=r"patches of 2 x 2: set other --mel.n_mels"):
        build(name, {}, 10)(torch.zeros(shape))


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("mobileast", {"activation": "gelu"}, "relu.*silu"),
        ("mobileast", {"transformer_channels": 30}, "multiple of 4"),
        ("mobileast", {"channels": [64]}, "two numbers|2 elements"),
        ("mobilevit", {"transformer_channels": [64, 80, 97]}, "multiples of 4"),
        ("mobilevit", {"channels": [16, 24]}, "five numbers|5 elements"),
        ("mobilevit", {"expansion": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_is_one_line(name, config, message):
    with pytest.raises(UserError, match=message):
        build(name, config, 10)
