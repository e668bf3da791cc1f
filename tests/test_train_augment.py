"""What augmentation may change and what it must leave alone. B clips, F bands, T frames."""

import pytest
import torch

from tinyasc.errors import UserError
from train.augment import AugmentConfig, augment, frequency_mixstyle, mask_block, mixup, roll_time

CLIPS, BANDS, FRAMES = 64, 20, 30


def spectrograms() -> torch.Tensor:
    return torch.randn(CLIPS, 1, BANDS, FRAMES, generator=torch.Generator().manual_seed(1)) + 3


def test_roll_moves_each_clip_by_its_own_shift_within_the_limit():
    torch.manual_seed(0)
    frames = torch.arange(FRAMES, dtype=torch.float32).expand(CLIPS, 1, BANDS, FRAMES)
    rolled = roll_time(frames, 4)
    shifts = set()
    for clip in rolled[:, 0]:
        shift = [s for s in range(-4, 5) if torch.equal(clip, frames[0, 0].roll(s, 1))]
        assert len(shift) == 1
        shifts.add(shift[0])
    assert shifts == set(range(-4, 5))


def test_mask_blanks_one_block_and_nothing_else():
    torch.manual_seed(0)
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
    assert len(widths) > 4


def test_mixstyle_changes_statistics_per_band_only():
    torch.manual_seed(0)
    original = spectrograms() * torch.rand(CLIPS, 1, BANDS, 1).add(0.5)
    mixed = frequency_mixstyle(original, 0.3)

    def standardized(x):
        deviation, mean = torch.std_mean(x, dim=(1, 3), keepdim=True)
        return (x - mean) / deviation

    torch.testing.assert_close(standardized(mixed), standardized(original), atol=1e-4, rtol=1e-4)
    means = original.mean(dim=(1, 3))
    assert (mixed.mean(dim=(1, 3)) <= means.max(0).values + 1e-4).all()
    assert (mixed.mean(dim=(1, 3)) >= means.min(0).values - 1e-4).all()
    assert not torch.allclose(mixed, original)


def test_mixup_mixes_clip_and_target_alike():
    torch.manual_seed(0)
    label = torch.arange(CLIPS) % 10
    ones = label.float()[:, None, None, None].expand(CLIPS, 1, 2, 2)
    mixed, target = mixup(ones, label, 10, 0.3)
    torch.testing.assert_close(target.sum(1), torch.ones(CLIPS))
    torch.testing.assert_close(mixed[:, 0, 0, 0], target @ torch.arange(10.0))
    assert torch.equal(target.argmax(1), label)  # the larger share is the clip's own
    same, one_hot = mixup(ones, label, 10, 0.0)
    assert same is ones
    assert torch.equal(one_hot.argmax(1), label)


def test_augmentation_follows_from_the_seed_and_is_off_by_default():
    original = spectrograms()
    assert augment(original, AugmentConfig()) is original
    config = AugmentConfig(time_roll=3, frequency_mask=5, time_mask=5, mixstyle_probability=0.5)
    results = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        results.append(augment(original, config))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


@pytest.mark.parametrize(
    "wrong",
    [
        {"time_roll": -1},
        {"frequency_mask": -1},
        {"time_mask": -1},
        {"mixstyle_probability": 1.1},
        {"mixstyle_probability": float("nan")},
        {"mixstyle_alpha": 0.0},
    ],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(UserError, match=f"^augmentation: .*{next(iter(wrong))}"):
        AugmentConfig(**wrong)
