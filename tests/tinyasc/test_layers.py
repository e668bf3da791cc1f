"""Layers against arithmetic by hand: normalization per frequency, MixStyle as a module."""

import pytest
import torch
from torch import nn

from tinyasc.errors import UserError
from tinyasc.models.layers.mixstyle import MixStyle, frequency_mixstyle, mixstyle
from tinyasc.models.layers.norms import ResidualNorm, SubSpectralNorm, instance_frequency_norm

# (B, C, F, T) = (1, 2, 2, 1): band 0 is 0, 2 over the channels, band 1 is 2, 4. IFN: -1, 1 in each.
X = torch.tensor([[[[0.0], [2.0]], [[2.0], [4.0]]]])
IFN = torch.tensor([[[[-1.0], [-1.0]], [[1.0], [1.0]]]])


@pytest.mark.parametrize(("layer", "expected"), [(ResidualNorm(0.0), IFN), (ResidualNorm(0.1), 0.1 * X + IFN)])
def test_normalization_per_frequency_by_hand(layer, expected):
    torch.testing.assert_close(layer(X), expected, rtol=0, atol=1e-4)
    torch.testing.assert_close(layer.eval()(X), expected, rtol=0, atol=1e-4)  # statistics are the clip's own, always
    assert not list(layer.parameters())


def test_what_a_device_does_to_the_bands_of_a_clip_is_normalized_away():
    x = torch.randn(3, 4, 5, 6)
    gain, offset = torch.rand(3, 1, 5, 1) + 0.5, torch.randn(3, 1, 5, 1)
    normalized = instance_frequency_norm(x * gain + offset)
    torch.testing.assert_close(normalized, instance_frequency_norm(x), rtol=0, atol=1e-3)


def test_sub_spectral_norm_is_a_batch_norm_for_each_band():
    torch.manual_seed(0)
    layer = SubSpectralNorm(channels=3, bands=2)
    assert sum(parameter.numel() for parameter in layer.parameters()) == 2 * 3 * 2
    nn.init.normal_(layer.norm.weight)
    nn.init.normal_(layer.norm.bias)
    x = torch.randn(4, 3, 10, 5)
    training, evaluation = layer(x), layer.eval()(x)
    for band, rows in enumerate((slice(0, 5), slice(5, 10))):
        norm = nn.BatchNorm2d(3)
        with torch.no_grad():
            norm.weight.copy_(layer.norm.weight[band::2])  # a channel's bands are neighbours
            norm.bias.copy_(layer.norm.bias[band::2])
        torch.testing.assert_close(training[:, :, rows], norm(x[:, :, rows]))
        torch.testing.assert_close(evaluation[:, :, rows], norm.eval()(x[:, :, rows]))


def test_sub_spectral_norm_refuses_rows_that_do_not_divide():
    with pytest.raises(UserError, match="256 frequency rows do not divide into 5 bands"):
        SubSpectralNorm(channels=1, bands=5)(torch.zeros(1, 1, 256, 2))


@pytest.mark.parametrize("exchange", [mixstyle, frequency_mixstyle])
def test_mixstyle_module_is_its_function_in_training_and_nothing_in_evaluation(exchange):
    x = torch.randn(4, 2, 3, 5)
    layer = MixStyle(exchange, probability=1.0, alpha=0.3)
    torch.manual_seed(1)
    module = layer(x)
    torch.manual_seed(1)
    torch.rand(())  # whether
    assert torch.equal(module, exchange(x, 0.3))
    assert not torch.equal(module, x)
    assert layer.eval()(x) is x


def test_mixstyle_module_changes_its_share_of_the_batches():
    torch.manual_seed(0)
    x = torch.randn(2, 1, 2, 3)
    layer = MixStyle(mixstyle, probability=0.3, alpha=0.3)
    assert sum(layer(x) is not x for _ in range(500)) / 500 == pytest.approx(0.3, abs=0.06)
    assert MixStyle(mixstyle, probability=0.0, alpha=0.3)(x) is x


@pytest.mark.parametrize(
    "make",
    [
        lambda: MixStyle(mixstyle, probability=1.5, alpha=0.3),
        lambda: MixStyle(mixstyle, probability=0.5, alpha=0.0),
    ],
)
def test_shares_out_of_range_are_refused(make):
    with pytest.raises(UserError, match="take 0"):
        make()


@pytest.mark.parametrize(
    "layer",
    [
        ResidualNorm(),
        SubSpectralNorm(channels=2, bands=2),
        MixStyle(mixstyle, probability=1.0, alpha=0.3),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_have_shape_gradient_and_export(layer):
    x = torch.randn(2, 2, 4, 3, requires_grad=True)
    y = layer.train()(x)
    assert y.shape == x.shape
    (y * torch.randn_like(y)).sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
    assert x.grad.abs().sum() > 0
    program = torch.export.export(layer.eval(), (torch.zeros(2, 2, 4, 3),))
    example = torch.randn(2, 2, 4, 3)
    torch.testing.assert_close(program.module()(example), layer(example))
