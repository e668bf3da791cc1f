"""Every registered architecture, and what the quantizer asks of them."""

import pytest
import torch

from tinyasc.errors import UserError
from tinyasc.models import ARCHITECTURES, build, resolve
from tinyasc.models.cp_mobile import round_channels
from tinyasc.models.layers.grn import GlobalResponseNorm

INPUT_SHAPE = {"cp_mobile": (2, 1, 256, 64), "passt": (2, 1, 128, 100), "passt_s": (2, 1, 128, 100)}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_logits_of_every_architecture_quiet_and_rebuilt_from_its_config(name, capsys):
    config = resolve(name, {})
    torch.manual_seed(0)
    model = build(name, config, 7).eval()
    with torch.no_grad():
        logits = model(torch.randn(INPUT_SHAPE[name]))
    assert logits.shape == (2, 7)
    assert torch.isfinite(logits).all()
    assert resolve(name, config) == config
    assert capsys.readouterr().out == ""


def test_architecture_or_setting_that_is_not_there_is_one_line():
    with pytest.raises(UserError, match="cp_mobile, passt"):
        build("resnet", {}, 10)
    with pytest.raises(UserError, match="base_channels"):
        build("cp_mobile", {"width": 3}, 10)
    with pytest.raises(UserError, match="b1 to b6"):
        build("cp_mobile", {"strides": {"b7": [2, 2]}}, 10)


@pytest.mark.parametrize(("channels", "expected"), [(8, 8), (54.4, 56), (92.48, 96), (60.8, 64), (3, 8), (49, 48)])
def test_round_channels(channels, expected):
    assert round_channels(channels) == expected


def test_cp_mobile_without_response_norm_is_made_of_integer_friendly_operations_only():
    model = build("cp_mobile", {"global_response_norm": False}, 10).eval()
    program = torch.export.export(model, (torch.zeros(1, 1, 256, 64),))
    called = {node.target.__name__ for node in program.graph.nodes if node.op == "call_function"}
    expected = {"conv2d.default", "batch_norm.default", "relu.default", "avg_pool2d.default", "add.Tensor", "mean.dim"}
    assert called == expected


def test_global_response_norm_against_arithmetic_by_hand():
    norm = GlobalResponseNorm()
    x = torch.tensor([[[[3.0, 4.0]], [[0.0, 15.0]]]])  # channel norms 5 and 15, mean 10
    assert torch.equal(norm(x), x)  # starts as the identity
    with torch.no_grad():
        norm.gamma.fill_(2.0)
        norm.beta.fill_(1.0)
    expected = torch.tensor([[[[7.0, 9.0]], [[1.0, 61.0]]]])  # 2 x n + 1 + x with n = 0.5 and 1.5
    torch.testing.assert_close(norm(x), expected)
