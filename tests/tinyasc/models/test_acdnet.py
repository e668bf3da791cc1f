"""ACDNet: published figures, clips of any length and rate, and what it refuses."""

import pytest
import torch
from torch import nn

from tinyasc.cost import measure
from tinyasc.errors import UserError
from tinyasc.models import SIZES, build
from tinyasc.models.acdnet import ACDNet, ACDNetConfig

# mohaimenz/acdnet, its network counted by torchinfo; of Micro-ACDNet, with the channels of its published checkpoint.
# The last column: frequency x time of what the last pooling averages.
FIGURES = {
    "acdnet_esc50": (4_735_378, 541_873_554, (2, 4)),
    "acdnet": (4_712_378, 364_989_234, (2, 3)),
    "acdnet_20k": (4_712_378, 356_877_234, (2, 3)),
    "micro_acdnet": (131_474, 14_287_014, (1, 4)),
}
LAYERS = [72, 2_560, 288, 18_432, 36_864, 73_728, 147_456, 294_912, 589_824, 1_179_648, 2_359_296, 5_120, 110]


@pytest.mark.parametrize("name", FIGURES)
def test_published_figures(name):
    size = SIZES[name]
    model = build(size.architecture, size.config, size.n_classes)
    assert isinstance(model, ACDNet)
    pooled = []
    model.pointwise.register_forward_hook(lambda module, inputs, output: pooled.append(tuple(output.shape[2:])))
    cost = measure(model, (1, 1, 1, size.samples))
    assert (cost.parameters, cost.macs, pooled[0]) == FIGURES[name]


def test_layers_have_their_published_parameters():
    layers = [layer for layer in build("acdnet", {}, 10).modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert [sum(parameter.numel() for parameter in layer.parameters()) for layer in layers] == LAYERS


@pytest.mark.parametrize(
    ("samples", "sample_rate"),
    [(333, 32_000), (1_000, 16_000), (8_000, 8_000), (44_100, 44_100)],  # the first leaves one frame
)
def test_clips_of_any_length_and_rate_learn(samples, sample_rate):
    torch.manual_seed(0)
    config = {"samples": samples, "sample_rate": sample_rate, "channels": SIZES["micro_acdnet"].config["channels"]}
    model = build("acdnet", config, 5)
    logits = model(torch.randn(2, 1, 1, samples))
    assert logits.shape == (2, 5)
    logits.square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"samples": 332}, "at least 333 samples"),
        ({"sample_rate": 399}, "at least 400"),
        ({"channels": [8, 64]}, "11 or 12"),
    ],
)
def test_what_cannot_be_is_one_line(config, message):
    with pytest.raises(UserError, match=message):
        ACDNetConfig(**config)


def test_other_clips_than_it_was_made_for_are_one_line():
    with pytest.raises(UserError, match=r"--model.samples 20000"):
        build("acdnet", {}, 10)(torch.zeros(1, 1, 1, 20_000))


def test_it_is_made_of_integer_friendly_operations():
    size = SIZES["micro_acdnet"]
    model = build(size.architecture, size.config, size.n_classes).eval()
    program = torch.export.export(model, (torch.zeros(1, 1, 1, size.samples),))
    called = {node.target.__name__ for node in program.graph.nodes if node.op == "call_function"}
    expected = ["conv2d", "batch_norm", "relu", "max_pool2d", "dropout", "linear"]  # dropout: nothing in evaluation
    assert called == {f"{name}.default" for name in expected} | {"transpose.int", "mean.dim"}
