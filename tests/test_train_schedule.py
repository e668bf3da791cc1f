"""The learning rate of CP-Mobile's recipe at some epochs."""

import math

import pytest

from tinyasc.errors import UserError
from train.schedule import ScheduleConfig, factor

CP_MOBILE = ScheduleConfig(warm_up=14, ramp_down_start=50, ramp_down=84, last_factor=0.005)


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [
        (0, math.exp(-5 * (1 - 0.5 / 14) ** 2)),
        (0.5, math.exp(-5 * (1 - 0.5 / 14) ** 2)),
        (7, math.exp(-5 / 4)),
        (14, 1),
        (50, 1),
        (92, (1 + 0.005) / 2),
        (134, 0.005),
        (150, 0.005),
    ],
)
def test_cp_mobile_schedule(epoch, expected):
    assert factor(epoch, CP_MOBILE) == pytest.approx(expected)


def test_no_warm_up_no_ramp():
    config = ScheduleConfig(warm_up=0, ramp_down_start=3, ramp_down=0, last_factor=0.1)
    assert [factor(epoch, config) for epoch in (0, 2.9, 3)] == [1, 1, pytest.approx(0.1)]


def test_ramp_inside_the_warm_up_is_refused():
    with pytest.raises(UserError, match="inside the warm-up"):
        ScheduleConfig(warm_up=5, ramp_down_start=3, ramp_down=2)
