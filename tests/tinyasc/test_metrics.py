"""Scores against numbers worked out by hand, and the intervals against their meaning."""

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from tinyasc import bootstrap, metrics

LABELS = ["bus", "park", "tram"]
DEVICES = ["a", "b", "s4"]
CITIES = ["lyon", "oslo"]
# truth, prediction, device, city, moment
CLIPS = np.array(
    [
        (0, 0, 0, 0, 0),
        (0, 0, 0, 0, 0),
        (0, 1, 1, 0, 0),
        (0, 0, 1, 1, 1),
        (1, 1, 0, 0, 2),
        (1, 0, 2, 1, 3),
        (2, 2, 2, 1, 4),
        (2, 2, 2, 1, 4),
    ]
)
RIGHT, WRONG = np.log(np.exp(3) + 2) - 3, np.log(np.exp(3) + 2)
"""Log loss of an answer whose logits are 3 for one class and 0 for the two others."""


def scored(clips: np.ndarray = CLIPS, **changes: Any) -> metrics.Score:
    label, predicted, device, city, moment = clips.T
    given: dict[str, Any] = {"logits": 3.0 * np.eye(3)[predicted], "label": label, "device": device, "city": city}
    given |= {"moment": moment, "labels": LABELS, "devices": DEVICES, "cities": CITIES, "train_devices": ["a", "b"]}
    return metrics.score(**(given | changes))


def test_hand_worked_table():
    score = scored()
    macro = {key: {name: part.macro for name, part in parts.items()} for key, parts in score.breakdowns().items()}
    assert macro == {
        "per_class": {"bus": 0.75, "park": 0.5, "tram": 1.0},
        "per_device": {"a": 1.0, "b": 0.5, "s4": 0.5},  # s4: park 0 of 1, tram 2 of 2
        "groups": {"seen": (0.75 + 1) / 2, "unseen": 0.5},
        "per_city": {"lyon": pytest.approx((2 / 3 + 1) / 2), "oslo": pytest.approx((1 + 0 + 1) / 3)},
    }
    losses = {key: {name: part.log_loss for name, part in parts.items()} for key, parts in score.breakdowns().items()}
    assert losses["per_class"] == pytest.approx(
        {"bus": (3 * RIGHT + WRONG) / 4, "park": (RIGHT + WRONG) / 2, "tram": RIGHT}
    )
    assert losses["per_device"] == pytest.approx({"a": RIGHT, "b": (RIGHT + WRONG) / 2, "s4": (2 * RIGHT + WRONG) / 3})
    assert losses["groups"]["seen"] == pytest.approx((4 * RIGHT + WRONG) / 5)
    assert losses["per_city"]["oslo"] == pytest.approx((3 * RIGHT + WRONG) / 4)
    assert score.macro == pytest.approx((0.75 + 0.5 + 1.0) / 3)
    assert score.log_loss == pytest.approx((6 * RIGHT + 2 * WRONG) / 8)
    assert score.confusion.tolist() == [[3, 1, 0], [1, 1, 0], [0, 0, 2]]
    assert (score.n, score.moments) == (8, 5)
    assert [(part.n, part.moments) for part in score.per_class.values()] == [(4, 2), (2, 2), (2, 1)]


def test_intervals_worked_by_hand():
    score = scored()
    classes = score.per_class
    # Moments 0 (2 of 3 right) and 1 (1 of 1), both drawn twice in a quarter of all draws: the ends of the middle 95 %.
    assert classes["bus"].interval == pytest.approx((2 / 3, 1))
    assert classes["bus"].log_loss_interval == pytest.approx((RIGHT, (2 * RIGHT + WRONG) / 3))
    assert classes["park"].interval == (0, 1)
    assert classes["tram"].interval is classes["tram"].log_loss_interval is None  # one moment says nothing of others
    assert score.interval is score.log_loss_interval is None  # nor does the mean over classes without one of them
    always_right = scored(CLIPS[[0, 3, 4, 4]], moment=np.arange(4))
    assert always_right.interval == (1, 1)
    assert always_right.log_loss_interval == pytest.approx((RIGHT, RIGHT))
    # Bus has recalls 2/3, 3/4 and 1 in 1/4, 1/2 and 1/4 of the draws, park 0, 1/2 and 1 likewise, drawn apart:
    # 1/16 of the draws has both at their least, 1/16 both at their most.
    two = scored(CLIPS[:6])
    assert two.interval == pytest.approx((1 / 3, 1))
    # Least: moments 1 and 2 twice, all right; most: 0 and 3 twice, of 6 clips 2 wrong and of 2 clips both.
    assert two.log_loss_interval == pytest.approx((RIGHT, (4 * RIGHT + 4 * WRONG) / 8))


def test_no_draw_loses_a_class():
    """Two moments of each of ten classes by three devices: one answer for all is right in a tenth of every draw."""
    label, device = np.repeat(np.arange(10), 6), np.tile(np.arange(3), 20)
    moment = np.repeat(np.arange(20), 3)
    names = {"labels": list("abcdefghij"), "devices": DEVICES, "cities": CITIES, "train_devices": ["a", "b"]}
    score = metrics.score(np.tile(np.eye(10)[4], (60, 1)), label, device, moment % 2, moment, **names)
    for part in (score, *score.per_device.values(), *score.groups.values()):
        assert part.interval == (part.macro, part.macro) == (0.1, 0.1)
    assert score.per_city["oslo"].interval is None  # one moment a class


def test_classes_without_clips_take_no_part():
    score = scored(CLIPS[:4])
    assert score.macro == score.per_class["bus"].macro == 0.75
    assert list(score.per_class) == ["bus"]
    assert list(score.groups) == ["seen"]


def test_tau_groups_appear_with_tau_devices():
    devices = ["a", "b", "c", "s1", "s2", "s3", "s4", "s5", "s6"]
    each = np.arange(9)
    names = {"labels": list("abcdefghi"), "devices": devices, "cities": devices}
    score = metrics.score(np.eye(9), each, each, each, each, **names, train_devices=devices[:6])
    assert set(score.groups) == {"seen", "unseen", "real", "simulated_seen", "simulated_unseen"}
    assert scored().groups.keys() == {"seen", "unseen"}
    assert not scored(train_devices=None).groups


def test_interval_is_as_wide_as_the_moments_make_it():
    """Two pieces by five devices each, all right or wrong together: ten clips tell no more than one."""
    generator = np.random.default_rng(7)
    moment, device = np.repeat(np.arange(200), 10), np.tile(np.repeat(np.arange(5), 2), 200)
    label = moment % 2
    predicted = np.where((generator.random(200) < 0.7)[moment], label, 1 - label)
    names = {"labels": ["x", "y"], "devices": list("abcde"), "cities": ["lyon"]}

    def over(cluster: np.ndarray) -> metrics.Score:
        return metrics.score(np.eye(2)[predicted], label, device, np.zeros(2000, int), cluster, **names)

    of_moments, of_recordings, of_clips = over(moment), over(5 * moment + device), over(np.arange(2000))
    # two proportions of 100 draws each: 95 % of their mean lies within 1.96 sqrt(.7 * .3 / 200) on either side
    expected = 2 * 1.96 * np.sqrt(0.7 * 0.3 / 200)
    for score, alike in ((of_moments, 1), (of_recordings, 5), (of_clips, 10)):
        assert score.interval is not None
        assert np.diff(score.interval)[0] == pytest.approx(expected / np.sqrt(alike), rel=0.15)
        assert score.interval[0] < score.macro < score.interval[1]
    # One device has each moment once: its interval does not know of the others.
    one, same = (score.per_device["c"].interval for score in (of_moments, of_recordings))
    assert one == same
    assert over(moment).interval == of_moments.interval


def test_draws_hold_as_many_as_there_are_and_do_not_depend_on_blocks(monkeypatch):
    stratum = np.array([3, 1, 3, 3, 1, 3, 3])
    counts = bootstrap.resampled(np.eye(7), stratum)
    assert counts.shape == (bootstrap.DRAWS, 2, 7)
    assert (counts.sum(axis=2) == [2, 5]).all()
    two, five = counts[:, 0][:, stratum == 1], counts[:, 1][:, stratum == 3]
    assert (two.sum(axis=1) == 2).all()
    assert (five.sum(axis=1) == 5).all()
    assert five.mean(axis=0) == pytest.approx(np.ones(5), abs=0.1)
    assert five.var(axis=0) == pytest.approx(np.full(5, 0.8), rel=0.15)  # multinomial: 5 * 1/5 * 4/5
    monkeypatch.setattr(bootstrap, "BLOCK", 35)
    np.testing.assert_array_equal(bootstrap.resampled(np.eye(7), stratum), counts)


def test_strata_are_drawn_apart():
    counts = bootstrap.resampled(np.eye(8), np.repeat([0, 1], 4))
    assert abs(np.corrcoef(counts[:, 0, 0], counts[:, 1, 4])[0, 1]) < 0.15


@pytest.mark.parametrize(
    "changes",
    [{"logits": np.zeros((8, 2))}, {"logits": np.full((8, 3), np.nan)}, {"label": np.zeros(0, int)}],
    ids=["classes", "not finite", "empty"],
)
def test_refuses_what_cannot_be_scored(changes: dict[str, np.ndarray]):
    with pytest.raises(ValueError, match=r"do not fit|not finite"):
        scored(**changes)


def test_dict_is_plain_json_and_needs_no_torch():
    card = json.loads(json.dumps(scored().to_dict()))
    whole = {"macro", "interval", "log_loss", "log_loss_interval", "n", "moments"}
    assert set(card) == whole | {"per_class", "per_device", "groups", "per_city", "parts"}
    assert card["per_device"] == {"a": 1.0, "b": 0.5, "s4": 0.5}
    assert set(card["parts"]["per_city"]["oslo"]) == whole
    assert card["parts"]["per_class"]["tram"]["interval"] is None
    code = "import sys, tinyasc.metrics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
