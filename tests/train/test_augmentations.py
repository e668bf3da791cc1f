"""The single changes of clips, waveforms, spectrograms and pairs. B clips, S samples, F bands, T frames."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.nn import functional as F

from tests.support import originals
from tinyasc.models.layers.mixstyle import frequency_mixstyle, mixstyle
from train.data.augmentations import Mix
from train.data.augmentations.gain import gain
from train.data.augmentations.mixup import draw_mix
from train.data.augmentations.noise import noise
from train.data.augmentations.spec_augment import mask_block
from train.data.augmentations.time_roll import roll

CLIPS, BANDS, FRAMES = 64, 20, 30


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def spectrograms() -> Tensor:
    return torch.randn(CLIPS, 1, BANDS, FRAMES) * torch.rand(CLIPS, 1, BANDS, 1).add(0.5) + 3


def assert_distributed(values: Tensor, cumulative: Callable[[np.ndarray], np.ndarray]) -> None:
    """Kolmogorov and Smirnov's test at 0.1 %."""
    assert stats.kstest(values.double().numpy(), cumulative).pvalue > 0.001


def assert_uniform(values: Tensor, low: float, high: float) -> None:
    assert_distributed(values, stats.uniform(low, high - low).cdf)


def assert_share(count: int, of: int, probability: float) -> None:
    assert abs(count - probability * of) < 4 * math.sqrt(of * probability * (1 - probability))


def test_gain_is_uniform_in_decibels_and_one_for_each_clip():
    clips = torch.randn(3000, 8)
    factor = gain(clips, 6.0) / clips
    assert_uniform(20 * factor[:, 0].log10(), -6, 6)
    torch.testing.assert_close(factor, factor[:, :1].expand_as(factor))


def test_noise_meets_the_ratio_in_the_chosen_clips_only():
    clips = torch.randn(3000, 100) * torch.rand(3000, 1).add(0.1)
    clips[:200] = 0
    noisy = noise(clips, 0.4, (5.0, 20.0))
    added = noisy - clips
    assert not added[:200].any()  # silence stays silence
    chosen = added[200:].any(1)
    assert_share(int(chosen.sum()), 2800, 0.4)
    loud, added = clips[200:][chosen], added[200:][chosen]
    assert_uniform(10 * (loud.square().mean(1) / added.square().mean(1)).log10(), 5 - 0.01, 20 + 0.01)
    unit = added / added.square().mean(1, keepdim=True).sqrt()
    assert unit.pow(4).mean().item() == pytest.approx(3, abs=0.1)  # Gaussian, but for its exact power
    assert abs((unit[:, 1:] * unit[:, :-1]).mean().item()) < 0.01  # white
    assert abs((unit * loud).mean().item()) < 0.01  # independent of the clip
    first, second = (noise(clips, 1.0, (5.0, 5.0)) - clips for _ in range(2))
    assert abs(F.cosine_similarity(first[200:], second[200:]).mean().item()) < 0.01  # another one each time


@pytest.mark.parametrize("shape", [(CLIPS, FRAMES), (CLIPS, 1, BANDS, FRAMES)])
def test_roll_moves_each_clip_by_its_own_shift_within_the_limit(shape):
    places = torch.arange(FRAMES).expand(shape)
    rolled = roll(places, 4)
    shifts = (-rolled[..., 0].view(CLIPS, -1)[:, 0] + FRAMES // 2) % FRAMES - FRAMES // 2
    assert set(shifts.tolist()) == set(range(-4, 5))
    for clip, shift in zip(rolled, shifts.tolist(), strict=True):
        assert torch.equal(clip, places[0].roll(shift, -1))


@pytest.mark.parametrize(("axis", "most"), [(2, 8), (3, 5)])
def test_masks_are_those_of_torchaudio(axis, most):
    original = spectrograms()
    torch.manual_seed(1)
    expected = originals.torchaudio().functional.mask_along_axis_iid(original, most, 0.0, axis)
    torch.manual_seed(1)
    assert torch.equal(mask_block(original, most, axis), expected)


def test_mask_widths_are_equally_likely_and_their_places_too():
    blank = mask_block(torch.ones(5000, 1, 1, 1000), 40, axis=3)[:, 0, 0] == 0
    width = blank.sum(1)
    assert stats.chisquare(torch.bincount(width, minlength=40).numpy()).pvalue > 0.001
    start = blank.int().argmax(1)[width > 0]
    assert_uniform((start + torch.rand(len(start))) / (1000 - width[width > 0]), 0, 1)


def test_mask_blanks_one_block_and_nothing_else():
    widths = set()
    for axis, most in ((2, 8), (3, 5)):
        original = spectrograms()
        masked = mask_block(original, most, axis)
        for before, after in zip(original[:, 0], masked[:, 0], strict=True):
            blank = (after == 0).all(dim=2 - (axis - 1))
            places = blank.nonzero().flatten()
            assert len(places) < most
            assert len(places) == 0 or places[-1] - places[0] + 1 == len(places)
            kept = (before == after).all(dim=2 - (axis - 1))
            assert torch.equal(kept, ~blank)
            widths.add(len(places))
    assert widths == set(range(8))


@pytest.mark.parametrize(("change", "axes"), [(frequency_mixstyle, (1, 3)), (mixstyle, (2, 3))])
def test_mixstyle_exchanges_mean_and_deviation_of_its_axes_and_nothing_else(change, axes):
    def statistics(x):
        deviation, mean = torch.std_mean(x, dim=axes, keepdim=True)
        return mean, deviation, (x - mean) / deviation

    for _ in range(20):  # with two clips the other one is known
        pair = spectrograms()[:2].expand(2, 3, BANDS, FRAMES) * torch.rand(2, 3, 1, 1).add(0.5)
        mean, deviation, shape = statistics(pair)
        new_mean, new_deviation, new_shape = statistics(change(pair, 0.3))
        torch.testing.assert_close(new_shape, shape, atol=1e-4, rtol=1e-4)
        step = mean - mean.flip(0)
        share = ((new_mean - mean.flip(0)) * step).sum((1, 2, 3), True) / step.square().sum((1, 2, 3), True)
        for new, old in ((new_mean, mean), (new_deviation, deviation)):
            torch.testing.assert_close(new, share * old + (1 - share) * old.flip(0), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("alpha", [0.3, 2.0])
@pytest.mark.parametrize("change", [frequency_mixstyle, mixstyle])
def test_mixstyle_shares_are_of_the_beta_distribution_and_the_others_a_permutation(change, alpha):
    clips = 1000  # clip i has mean 1 in band i alone, so that the new means are the shares of all the clips
    x = torch.eye(clips)[:, None, :, None] + torch.tensor([-1.0, 1.0])
    new = change(x if change is frequency_mixstyle else x.transpose(1, 2), alpha).mean(3).view(clips, clips)
    own = new.diagonal()
    assert_distributed(own, stats.beta(alpha, alpha).cdf)
    torch.testing.assert_close(new.sum(1), torch.ones(clips), atol=1e-4, rtol=0)
    torch.testing.assert_close(new.square().sum(1), own.square() + (1 - own).square(), atol=1e-4, rtol=0)
    other = (new - new.diagonal().diag()).abs().argmax(1)[own < 0.99]
    assert len(set(other.tolist())) == len(other)


def test_mixstyle_passes_no_gradient_through_the_statistics():
    x = spectrograms().requires_grad_()
    frequency_mixstyle(x, 0.3).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, x.grad[..., :1].expand_as(x.grad))  # one factor a band: deviations' ratio
    assert (x.grad > 0).all()


def test_mix_treats_clips_hard_and_soft_targets_alike_and_keeps_the_larger_share():
    label = torch.arange(CLIPS) % 10
    hard = F.one_hot(label, 10)
    soft = torch.randn(CLIPS, 10).softmax(1)
    features = soft[:, None, :, None].expand(CLIPS, 1, 10, 2)
    mix = draw_mix(CLIPS, 0.3)
    assert mix.own is not None
    assert mix.other is not None
    assert mix.own.min() >= 0.5
    assert mix.own.max() <= 1
    assert mix.own.std() > 0.05
    assert sorted(mix.other.tolist()) == list(range(CLIPS))
    own = mix.own[:, None]
    torch.testing.assert_close(mix(hard), own * hard + (1 - own) * hard[mix.other])
    torch.testing.assert_close(mix(soft), own * soft + (1 - own) * soft[mix.other])
    torch.testing.assert_close(mix(features)[:, 0, :, 1], mix(soft))
    assert torch.equal(mix(hard).argmax(1), label)


def test_mixup_shares_are_of_the_beta_distribution_the_larger_one_the_clips_own():
    for alpha in (0.3, 2.0):
        share = draw_mix(5000, alpha).own
        assert share is not None
        shares = stats.beta(alpha, alpha)
        assert_distributed(share, lambda x, shares=shares: np.where(x < 0.5, 0, shares.cdf(x) - shares.cdf(1 - x)))


def test_without_mixup_nothing_is_drawn():
    features = spectrograms()
    before = torch.get_rng_state()
    nothing = Mix()
    assert nothing(features) is features
    assert torch.equal(torch.get_rng_state(), before)
