"""BC-ResNet: figures are those of the published code, counted by torchinfo."""

import pytest
import torch
from torch import nn

from tinyasc.cost import measure
from tinyasc.errors import UserError
from tinyasc.models import SIZES, build
from tinyasc.models.bc_resnet import BCResNetConfig, BroadcastBlock

SHAPES = {"keywords": (1, 1, 40, 101), "scenes": (1, 1, 256, 64)}


@pytest.mark.parametrize(
    ("size", "form", "parameters", "macs"),
    [
        ("bc_resnet_1", "keywords", 9_232, 2_484_584),
        ("bc_resnet_1_5", "keywords", 17_154, 4_611_630),
        ("bc_resnet_2", "keywords", 27_284, 7_328_516),
        ("bc_resnet_3", "keywords", 54_168, 14_531_808),
        ("bc_resnet_6", "keywords", 187_812, 50_297_844),
        ("bc_resnet_8", "keywords", 321_068, 85_938_668),
        ("bc_resnet_asc", "scenes", 81_770, 29_584_800),
    ],
)
def test_published_figures(size, form, parameters, macs):
    cost = measure(build("bc_resnet", SIZES[size].config, SIZES[size].n_classes), SHAPES[form])
    assert (cost.parameters, cost.macs) == (parameters, macs)


@pytest.mark.parametrize(
    ("size", "form", "own"),
    [
        ("bc_resnet_1", "keywords", {"reshape.default"}),
        ("bc_resnet_asc", "scenes", {"max_pool2d.default", "instance_norm.default", "transpose.int", "mul.Tensor"}),
    ],
)
def test_graph_is_plain_and_training_reaches_every_parameter(size, form, own):
    model = build("bc_resnet", SIZES[size].config, 10)
    model(torch.randn(2, *SHAPES[form][1:])).square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    program = torch.export.export(model.eval(), (torch.zeros(SHAPES[form]),))
    called = {node.target.__name__ for node in program.graph.nodes if node.op == "call_function"}
    assert called == own | {
        *("conv2d.default", "batch_norm.default", "relu.default", "silu.default", "mean.dim", "add.Tensor"),
        *("feature_dropout.default", "adaptive_avg_pool2d.default", "flatten.using_ints"),
    }


def test_block_adds_one_row_to_all_frequencies():
    block = BroadcastBlock(4, 4, 1, 2, BCResNetConfig()).eval()
    x = torch.randn(1, 4, 6, 9).abs()
    frequency, time, pointwise = (module for module in block.modules() if isinstance(module, nn.Conv2d))
    # with a frequency convolution and a row that give nothing, only the shortcut is left
    nn.init.zeros_(frequency.weight)
    nn.init.zeros_(pointwise.weight)
    torch.testing.assert_close(block(x), x)
    nn.init.ones_(frequency.weight)
    nn.init.ones_(pointwise.weight)
    nn.init.zeros_(time.weight)
    nn.init.ones_(time.weight[..., 2:])  # looks `dilation` frames ahead, to nothing beyond the end
    scale = (1 + 1e-5) ** -0.5  # a fresh batch norm in evaluation
    padded = nn.functional.pad(x, (0, 0, 1, 1))
    two_dimensional = scale * (padded[:, :, :-2] + x + padded[:, :, 2:])
    row = scale * nn.functional.pad(two_dimensional.mean(2, keepdim=True)[..., 2:], (0, 2))
    expected = x + two_dimensional + nn.functional.silu(row).sum(1, keepdim=True)
    torch.testing.assert_close(block(x), expected)


def test_bands_that_do_not_divide_are_one_line():
    with pytest.raises(UserError, match="5 bands"):
        build("bc_resnet", SIZES["bc_resnet_1"].config, 12)(torch.zeros(1, 1, 256, 64))


@pytest.mark.parametrize("wrong", [{"base_channels": 9}, {"form": "music"}, {"sub_bands": 0}, {"dropout": -0.1}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        BCResNetConfig(**wrong)
