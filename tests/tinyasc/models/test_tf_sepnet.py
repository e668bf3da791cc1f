"""TF-SepNet: figures are those of the published code, counted by torchinfo; beside them the paper's (tables 2, 4)."""

import pytest
import torch
from torch import nn

from tinyasc.cost import measure
from tinyasc.errors import UserError
from tinyasc.models import SIZES, build
from tinyasc.models.layers.norms import AdaptiveResidualNorm
from tinyasc.models.tf_sepnet import SeparateConvolutions, TFSepNetConfig, channel_shuffle


@pytest.mark.parametrize(
    ("size", "bands", "parameters", "macs"),
    [
        ("tf_sepnet_2023", 256, 54_270, 29_700_320),
        ("tf_sepnet_2023", 512, 54_270, 59_257_440),
        ("tf_sepnet_paper_40", 256, 53_370, 7_029_240),  # paper: 53.4 K, 7.03 M
        ("tf_sepnet_paper_80", 256, 196_730, 24_178_640),  # paper: 196.7 K, 24.2 M
        ("tf_sepnet_64", 512, 126_858, 29_419_648),
        ("tf_sepnet_48", 512, 73_546, 17_673_872),
        ("tf_sepnet_40", 512, 52_290, 12_898_720),
        ("tf_sepnet_32", 512, 34_634, 8_855_392),
    ],
)
def test_published_figures(size, bands, parameters, macs):
    cost = measure(build("tf_sepnet", SIZES[size].config, 10), (1, 1, bands, 64))
    assert (cost.parameters, cost.macs) == (parameters, macs)


@pytest.mark.parametrize(
    ("size", "norm"),
    [
        ("tf_sepnet_2023", {"rsub.Scalar"}),
        ("tf_sepnet_64", set()),
    ],
)
def test_graph_is_plain_and_training_reaches_every_parameter(size, norm):
    model = build("tf_sepnet", SIZES[size].config, 10)
    model(torch.randn(2, 1, 256, 64)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    program = torch.export.export(model.eval(), (torch.zeros(1, 1, 256, 64),))
    called = {node.target.__name__ for node in program.graph.nodes if node.op == "call_function"}
    assert called == norm | {
        *("conv2d.default", "batch_norm.default", "relu.default", "mean.dim", "add.Tensor", "max_pool2d.default"),
        *("reshape.default", "transpose.int", "chunk.default", "getitem", "cat.default"),
        *("instance_norm.default", "mul.Tensor", "dropout.default"),
    }


def test_paths_see_their_own_axis_and_half_of_the_channels():
    block = SeparateConvolutions(8, 8, TFSepNetConfig()).eval()
    for module in block.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.ones_(module.weight)
    x = torch.zeros(1, 8, 6, 5)
    for channel in range(8):
        changed = x.clone()
        changed[0, channel, 3, 2] = 1.0
        position = channel_shuffle(torch.arange(8).reshape(1, 8, 1, 1), 4).flatten().tolist().index(channel)
        reached = (block(changed) - block(x))[0] > 1e-4
        expected = torch.zeros(8, 6, 5, dtype=torch.bool)
        if position < 4:
            expected[:4, :, 2] = True  # frequency: all bands of its frame
        else:
            expected[4:, 3] = True  # time: all frames of its band
        assert torch.equal(reached, expected)


@pytest.mark.parametrize(
    ("groups", "expected"), [(3, [0, 3, 1, 4, 2, 5]), (2, [0, 2, 4, 1, 3, 5]), (6, [0, 1, 2, 3, 4, 5])]
)
def test_channel_shuffle_deals_channels_to_groups(groups, expected):
    x = torch.arange(6.0).reshape(1, 6, 1, 1) + torch.tensor([[0.1, 0.2]])
    shuffled = channel_shuffle(x, groups)
    assert shuffled.shape == x.shape
    assert torch.equal(shuffled, x[:, expected])


def test_adaptive_residual_norm_against_arithmetic_by_hand():
    norm = AdaptiveResidualNorm(2)
    x = torch.tensor([[[[1.0, 3.0], [4.0, 4.0]], [[5.0, 7.0], [8.0, 8.0]]]])  # bands: mean 4, variance 5; 6 and 4
    with torch.no_grad():
        norm.rho.copy_(torch.tensor([0.25, 1.0]).reshape(1, 2, 1, 1))
        norm.gamma.fill_(2.0)
        norm.beta.copy_(torch.tensor([0.0, 1.0]).reshape(1, 2, 1, 1))
    level = 1.5 / 5**0.5  # gamma (1 - rho) over the deviation
    expected = torch.tensor([[[[0.5 - 3 * level, 1.5 - level], [2.0 - 1.5, 2.0 - 1.5]], [[11.0, 15.0], [17.0, 17.0]]]])
    torch.testing.assert_close(norm(x), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "wrong",
    [{"base_channels": 42}, {"stem": "7x7"}, {"pooled_stages": [0, 5]}, {"shuffle_groups": 3}, {"dropout": 1.0}],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        TFSepNetConfig(**wrong)
