"""Every registered architecture, and what the quantizer asks of them."""

import pytest
import torch

from tinyasc import front_end
from tinyasc.errors import UserError
from tinyasc.mel import MelConfig
from tinyasc.models import ARCHITECTURES, MEL_CONFIGS, SIZES, Size, build, check_front_end, resolve
from tinyasc.models.cp_mobile import round_channels
from tinyasc.models.layers.norms import GlobalResponseNorm
from tinyasc.models.registry import architecture, registered

SMALL = {  # what runs quickly; the figures of all sizes are tested beside their architectures
    "passt": Size("", {"embed_dim": 16, "depth": 1, "num_heads": 2}, MEL_CONFIGS["passt"]),
    "acdnet": SIZES["micro_acdnet"],
    "bc_resnet": SIZES["bc_resnet_1"],
}
FIRST = {name: next(iter(kind.sizes.values())) for name, kind in ARCHITECTURES.items() if name not in SMALL}


def input_shape(size: Size, batch: int) -> tuple[int, ...]:
    return (batch, 1, *front_end.shape(size.front_end, size.samples))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_runs_learns_and_is_rebuilt_from_its_config(name, capsys):
    size = (SMALL | FIRST)[name]
    config = resolve(name, size.config)
    assert resolve(name, config) == config
    torch.manual_seed(0)
    model = build(name, config, 7)
    x = torch.randn(input_shape(size, 2))
    logits = model.train()(x)
    assert logits.shape == (2, 7)
    logits.square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters() if parameter.requires_grad)
    with torch.no_grad():
        first, second = (model.eval()(x) for _ in range(2))
    assert torch.isfinite(first).all()
    assert torch.equal(first, second)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name != "passt_s"])
def test_every_architecture_is_exported(name):
    size = (SMALL | FIRST)[name]
    model = build(name, size.config, size.n_classes).eval()
    x = torch.randn(input_shape(size, 1))
    program = torch.export.export(model, (x,))
    with torch.no_grad():
        torch.testing.assert_close(program.module()(x), model(x))


@pytest.mark.parametrize("name", SIZES)
def test_every_size_is_a_whole_config_of_its_architecture(name):
    size = SIZES[name]
    assert resolve(size.architecture, resolve(size.architecture, size.config)) == resolve(
        size.architecture, size.config
    )
    assert all(side > 0 for side in input_shape(size, 1))


def test_architecture_or_setting_that_is_not_there_is_one_line():
    with pytest.raises(UserError, match=r"choose from cp_mobile, .*passt"):
        build("resnet", {}, 10)
    with pytest.raises(UserError, match="base_channels"):
        build("cp_mobile", {"width": 3}, 10)
    with pytest.raises(UserError, match="b1 to b6"):
        build("cp_mobile", {"strides": {"b7": [2, 2]}}, 10)


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("cp_mobile", {"n_blocks": 3}, "n_blocks.*Got value: 3"),
        ("cp_mobile", {"base_channels": 8.0}, "base_channels.*int.*8.0"),
        ("cp_mobile", {"channels_multiplier": float("nan")}, "channels_multiplier is nan"),
        ("cp_mobile", {"strides": {"b2": [0, 2]}}, "strides are 1 or more"),
        ("cp_resnet", {"groups": "two"}, "groups.*two"),
        ("passt", {"stride": [10]}, r"stride.*2 elements.*\[10\]"),
        ("passt", {"num_heads": 0}, "above zero"),
        ("passt", {"depth": -1}, "above zero"),
        ("passt", {"stem_channels": [0]}, "above zero"),
        ("passt", {"drop_rate": 3.0}, "drop_rate from 0 to below 1"),
        ("mobilevit", {"channels": [1.5, 2]}, "channels.*elements"),
        ("acdnet", {"samples": 10}, "at least"),
    ],
)
def test_wrong_settings_are_one_line_that_names_them(name, config, message):
    with pytest.raises(UserError, match=message) as error:
        build(name, config, 10)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_spectrograms_and_waveforms_are_not_mistaken_for_one_another(name):
    mel = (SMALL | FIRST)[name].front_end
    check_front_end(name, mel)
    with pytest.raises(UserError, match="--mel"):
        check_front_end(name, MelConfig() if mel is None else None)


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


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("cp_mobile", {}, "two architectures cp_mobile"),
        (
            "other",
            {"sizes": {"cp_mobile": Size("nobody", {})}},
            "cp_mobile, which another architecture has",
        ),
        ("other", {"front_ends": {"cp_mobile": MelConfig()}}, "cp_mobile, which another architecture has"),
    ],
)
def test_a_name_is_registered_once(name, more, message):
    with pytest.raises(ValueError, match=message):
        architecture(name, dict, classifier="head", **more)(torch.nn.Module)
    assert "other" not in registered
