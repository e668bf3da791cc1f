"""Scores against numbers worked out by hand, and the interval against its meaning."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tinyasc import metrics

LABELS = ["bus", "park", "tram"]
DEVICES = ["a", "b", "s4"]
# truth, prediction, device, recording
CLIPS = np.array(
    [
        (0, 0, 0, 0),
        (0, 0, 0, 0),
        (0, 1, 1, 1),
        (0, 0, 1, 1),
        (1, 1, 0, 2),
        (1, 0, 2, 3),
        (2, 2, 2, 4),
        (2, 2, 2, 4),
    ]
)


def scored(**changes: object) -> metrics.Score:
    label, predicted, device, recording = CLIPS.T
    arguments = {"logits": 3.0 * np.eye(3)[predicted], "label": label, "device": device, "labels": LABELS}
    arguments |= {"devices": DEVICES, "recording": recording, "train_devices": ["a", "b"]}
    return metrics.score(**(arguments | changes))  # type: ignore[arg-type]


def test_hand_worked_table():
    score = scored()
    assert score.per_class == {"bus": 0.75, "park": 0.5, "tram": 1.0}
    assert score.macro == pytest.approx((0.75 + 0.5 + 1.0) / 3)
    assert score.per_device == {"a": 1.0, "b": 0.5, "s4": 0.5}  # s4: park 0 of 1, tram 2 of 2
    assert score.groups == pytest.approx({"seen": (0.75 + 1) / 2, "unseen": 0.5})
    assert score.confusion.tolist() == [[3, 1, 0], [1, 1, 0], [0, 0, 2]]
    right, wrong = -np.log(np.exp(3) / (np.exp(3) + 2)), -np.log(1 / (np.exp(3) + 2))
    assert score.log_loss == pytest.approx((6 * right + 2 * wrong) / 8)
    assert score.n == 8


def test_classes_without_clips_take_no_part():
    chosen = CLIPS[:4]
    label, predicted, device, recording = chosen.T
    score = scored(logits=np.eye(3)[predicted], label=label, device=device, recording=recording)
    assert score.per_class == {"bus": 0.75}
    assert score.macro == 0.75
    assert score.groups == {"seen": 0.75}


def test_tau_groups_appear_with_tau_devices():
    devices = ["a", "b", "c", "s1", "s2", "s3", "s4", "s5", "s6"]
    score = metrics.score(np.eye(9), np.arange(9), np.arange(9), list("abcdefghi"), devices, train_devices=devices[:6])
    assert set(score.groups) == {"seen", "unseen", "real", "simulated_seen", "simulated_unseen"}
    assert scored().groups.keys() == {"seen", "unseen"}


def test_interval_is_wider_over_recordings_than_over_clips_and_is_repeatable():
    generator = np.random.default_rng(7)
    recording = np.repeat(np.arange(200), 10)  # ten pieces each, right or wrong together
    label = np.repeat(np.arange(200) % 2, 10)
    predicted = np.where(np.repeat(generator.random(200) < 0.7, 10), label, 1 - label)
    common = (np.eye(2)[predicted], label, np.zeros(2000, int), ["x", "y"], ["a"])
    over_recordings, over_clips = metrics.score(*common, recording=recording), metrics.score(*common)
    width = np.diff(over_recordings.interval)[0]
    # two proportions of 100 draws each: 95 % of their mean lies within 1.96 sqrt(.7 * .3 / 200) on either side
    assert width == pytest.approx(2 * 1.96 * np.sqrt(0.7 * 0.3 / 200), rel=0.15)
    assert width > 2.5 * np.diff(over_clips.interval)[0]
    assert over_recordings.interval[0] < over_recordings.macro < over_recordings.interval[1]
    assert metrics.score(*common, recording=recording).interval == over_recordings.interval


@pytest.mark.parametrize(
    "changes",
    [{"logits": np.zeros((8, 2))}, {"logits": np.full((8, 3), np.nan)}, {"label": np.zeros(0, int)}],
    ids=["classes", "not finite", "empty"],
)
def test_refuses_what_cannot_be_scored(changes: dict[str, np.ndarray]):
    with pytest.raises(ValueError, match=r"do not fit|not finite"):
        scored(**changes)


def test_dict_is_plain_json_and_numpy_is_enough():
    card = json.loads(json.dumps(scored().to_dict()))
    assert set(card) == {"macro", "log_loss", "interval", "per_class", "per_device", "groups", "n"}
    code = "import sys, tinyasc.metrics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
