"""Clips that are held out: whole places, some of each label, the same ones for the same seed."""

import numpy as np
import pytest

from tinyasc.clips import Clips
from tinyasc.errors import UserError
from train.data.selection import hold_out


@pytest.fixture
def clips(tiny_clips: Clips) -> Clips:
    return tiny_clips


def places(clips: Clips, indices: np.ndarray) -> set[tuple[str, ...]]:
    """Label, city and location of some clips, out of their names."""
    return {tuple(clips.files[clip].split("/")[-1].split("-")[:3]) for clip in indices}


@pytest.mark.parametrize(("share", "held"), [(0.01, 1), (0.34, 2), (0.5, 3), (0.99, 5)])  # of 6 places a label
def test_whole_places_of_each_label_are_held_out(clips: Clips, share: float, held: int) -> None:
    train = clips.indices("train")
    found = hold_out(clips, train, share, seed=0)
    assert set(found) < set(train)
    assert (np.diff(found) > 0).all()
    chosen = places(clips, found)
    assert sorted(label for label, *_ in chosen) == ["high"] * held + ["low"] * held
    assert not chosen & places(clips, np.setdiff1d(train, found))


def test_the_choice_follows_from_the_seed(clips: Clips) -> None:
    train = clips.indices("train")
    first, again, other = (hold_out(clips, train, 0.4, seed) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not len(hold_out(clips, train, 0.0, 0))


def test_a_label_of_one_place_cannot_be_held_out(clips: Clips) -> None:
    train = clips.indices("train")
    low = train[clips.label[train] == clips.labels.index("low")]
    one = np.concatenate([low[:2], train[clips.label[train] != clips.labels.index("low")]])
    with pytest.raises(UserError, match="low was recorded at one place"):
        hold_out(clips, np.sort(one), 0.5, 0)
