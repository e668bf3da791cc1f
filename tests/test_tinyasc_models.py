"""Every registered architecture, and what the quantizer and PaSST's weights ask of them."""

import sys

import pytest
import torch
from torch import nn

from tinyasc.errors import UserError
from tinyasc.models import ARCHITECTURES, build, resolve
from tinyasc.models.cp_mobile import round_channels
from tinyasc.models.layers.grn import GlobalResponseNorm
from tinyasc.models.passt import Passt, load_weights

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


def test_passt_starts_from_ten_second_weights(tmp_path):
    source, target = (
        build("passt", {"embed_dim": 16, "depth": 1, "num_heads": 2, "frames": frames}, classes)
        for frames, classes in ((998, 527), (100, 10))
    )
    assert isinstance(source, Passt)
    assert isinstance(target, Passt)
    torch.save(source.net.state_dict(), tmp_path / "weights.pt")
    fresh = target.net.head[1].weight.clone()
    load_weights(target, tmp_path / "weights.pt")
    torch.testing.assert_close(target.net.blocks[0].mlp.fc1.weight, source.net.blocks[0].mlp.fc1.weight)
    torch.testing.assert_close(target.net.time_new_pos_embed[..., 0], source.net.time_new_pos_embed[..., :10].mean(-1))
    torch.testing.assert_close(target.net.head[1].weight, fresh)

    (tmp_path / "not.pt").write_bytes(b"no weights")
    with pytest.raises(UserError, match="cannot be read"):
        load_weights(target, tmp_path / "not.pt")
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "other.pt")
    with pytest.raises(UserError, match="no PaSST"):
        load_weights(target, tmp_path / "other.pt")


def test_passt_with_a_convolutional_stem_has_the_positions_of_its_grid():
    model = build("passt", {"embed_dim": 16, "depth": 1, "num_heads": 2, "stem_channels": [4, 8, 8]}, 10)
    assert isinstance(model, Passt)
    assert (model.net.freq_new_pos_embed.shape[2], model.net.time_new_pos_embed.shape[3]) == (8, 7)
    assert model(torch.randn(2, 1, 128, 100)).shape == (2, 10)
    with pytest.raises(UserError, match=r"--model.frames 101"):
        model(torch.randn(2, 1, 128, 101))


def test_narrow_passt_starts_as_wide_as_the_published_one():
    model = build("passt", {"embed_dim": 48, "depth": 1, "num_heads": 2}, 10)
    assert isinstance(model, Passt)
    weight = model.net.blocks[0].mlp.fc1.weight
    assert weight.std().item() == pytest.approx(0.02 * 4, rel=0.05)  # sqrt(768 / 48) = 4


def test_no_fake_timm_stays_behind():
    build("passt", {}, 10)
    timm = sys.modules.get("timm")
    assert timm is None or timm.__spec__ is not None
