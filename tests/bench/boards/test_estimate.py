"""Milliseconds from counted instructions: the published constants, their check, and the refit.

Goldens: arithmetic on the figures of bench/boards/estimate/published.yaml, whose sources stand there.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import estimate as command
from bench.boards.device import result
from bench.boards.device.equality import Place
from bench.boards.device.result import During, State, TargetResult, Throttled
from bench.boards.estimate import calibration, refit
from bench.boards.estimate.estimate import entry, estimate
from bench.boards.estimate.refit import Refit, renewed
from bench.boards.targets import boards
from bench.measure.figure import ESTIMATED
from tests.support import tiny_results
from tests.support.tiny_results import configuration, instructions, latency
from tinyasc.errors import UserError


@pytest.mark.parametrize(("processor", "ipc"), [("cortex-a53", 0.83), ("cortex-a72", 1.16), ("cortex-a76", 1.28)])
def test_the_published_times_imply_these_instructions_per_cycle(processor: str, ipc: float) -> None:
    assert calibration.ipc(calibration.observations(processor)) == pytest.approx(ipc, abs=0.005)


@pytest.mark.parametrize(
    ("processor", "error", "error_by_macs"), [("cortex-a72", -0.08, -0.25), ("cortex-a53", -0.10, -0.19)]
)
def test_left_out_the_second_network_is_predicted_better_than_by_its_macs(
    processor: str, error: float, error_by_macs: float
) -> None:
    predictions = {
        one.observation.network: one for one in calibration.leave_one_out(calibration.observations(processor))
    }
    second = predictions["MobileNetV2 224"]
    assert second.error == pytest.approx(error, abs=0.005)
    assert second.error_by_macs == pytest.approx(error_by_macs, abs=0.005)
    band = calibration.data()["band"]
    for one in predictions.values():
        assert abs(one.error) < abs(one.error_by_macs or 0)
        truth = one.observation.milliseconds / one.milliseconds
        assert band["low"] < truth < band["high"]  # the band holds what was never looked at
    assert calibration.leave_one_out(calibration.observations("cortex-a76")) == []  # one network would fit itself


@pytest.mark.parametrize(
    ("board", "millions", "milliseconds"), [("pi3", 4.446, 3.8), ("zero2", 4.446, 5.4), ("pi4", 4.665, 2.7)]
)
def test_an_estimate_carries_band_and_sources(board: str, millions: float, milliseconds: float) -> None:
    found = estimate(1e6 * millions, boards.load(board), integer=True, kernels="XNNPACK")
    assert found.milliseconds == pytest.approx(milliseconds, abs=0.05)
    assert found.milliseconds is not None
    assert found.band == (pytest.approx(0.7 * found.milliseconds), pytest.approx(1.5 * found.milliseconds))
    assert any("XNNPACK README" in source for source in found.sources)


@pytest.mark.parametrize(
    ("integer", "kernels", "reason"), [(False, "XNNPACK", "memory"), (True, "MLAS", "not of MLAS")]
)
def test_what_no_constant_is_known_of_gets_a_reason_instead(integer: bool, kernels: str, reason: str) -> None:
    found = estimate(1e6, boards.load("pi4"), integer, kernels)
    assert (found.milliseconds, found.band) == (None, None)
    assert reason in str(found.reason)


def test_an_unknown_core_is_refused() -> None:
    with pytest.raises(UserError, match=r"nothing is known of the speed of a cortex-x1: .*cortex-a53"):
        calibration.observations("cortex-x1")


def write(folder: Path, **results: TargetResult) -> Path:
    for name, content in results.items():
        result.write(folder / f"{name}.json", content)
    return folder


def test_own_measurements_refit_the_constant_and_state_its_error(tmp_path: Path) -> None:
    # At 1.5 GHz, 3 M instructions in 2 ms are 1.0 a cycle, 9 M in 5 ms are 1.2.
    counts = tiny_results.result(
        "emulated", instructions=[instructions(3_000_000), instructions(9_000_000, file="other.tflite")]
    )
    times = tiny_results.result(
        "device",
        latency=[
            latency(2.0),
            latency(0.1, threads=4),  # says nothing of one core
            latency(0.1, kernels="built-in kernels"),  # was not counted
            latency(5.0, file="other.tflite"),
        ],
    )
    found = refit.of(refit.read(write(tmp_path, counts=counts, times=times))).observations
    assert [one.ipc for one in found] == [pytest.approx(1.0), pytest.approx(1.2)]
    own = calibration.observations("cortex-a72", found)
    assert own == found
    assert [one.error for one in calibration.leave_one_out(own)] == [pytest.approx(1 / 1.2 - 1), pytest.approx(1.2 - 1)]
    published = [pytest.approx(truth / 1.16 - 1, abs=0.005) for truth in (1.0, 1.2)]
    assert [one.error for one in calibration.by_published(own)] == published
    refitted = estimate(3_300_000, boards.load("pi4"), True, "XNNPACK", found)
    assert refitted.milliseconds == pytest.approx(2.0)
    assert "measured on Raspberry Pi 4" in refitted.sources[1]
    untouched = estimate(1e6, boards.load("pi5"), True, "XNNPACK", found)
    assert untouched == estimate(1e6, boards.load("pi5"), True, "XNNPACK")


def clocks(lowest: float, low: float, median: float, high: float) -> During:
    """What a board's clock did under load, Hz."""
    return During(lowest, median, (low, high))


UNDER_VOLTAGE = State(throttled=Throttled("0x50005", ["under-voltage"], ["under-voltage", "throttled"]))
EARLIER = State(throttled=Throttled("0x50000", [], ["under-voltage", "throttled"]))


@pytest.mark.parametrize(
    ("board", "ipc", "reason"),
    [
        ({"during": clocks(1.5e9, 1.5e9, 1.5e9, 1.5e9)}, 1.0, None),
        ({"during": clocks(0.6e9, 1.46e9, 1.5e9, 1.5e9)}, 1.0, None),  # one idle look among many at work
        ({"during": clocks(1.2e9, 1.2e9, 1.2e9, 1.2e9)}, 1.25, None),  # not the clock it is sold with
        ({"during": clocks(0.6e9, 0.6e9, 1.5e9, 1.5e9)}, None, "moved between 0.60 and 1.50 GHz"),
        ({"during": clocks(1.4e9, 1.4e9, 1.5e9, 1.5e9)}, None, "moved between 1.40 and 1.50 GHz"),
        ({"during": None}, None, "its clock under load was not seen"),
        ({"before": UNDER_VOLTAGE}, None, "reported under-voltage"),
        ({"after": EARLIER}, None, "reported under-voltage, throttled"),
        ({"before": EARLIER, "after": EARLIER}, 1.0, None),
    ],
)
def test_the_clock_at_work_counts_and_boards_of_several_clocks_are_left_out(
    board: dict[str, Any], ipc: float | None, reason: str | None
) -> None:
    times = tiny_results.result("device", latency=[latency(2.0)])
    times = replace(times, board=replace(times.board, **board))
    counts = tiny_results.result("emulated", instructions=[instructions(3_000_000)])
    found = refit.of([counts, times])
    assert [one.ipc for one in found.observations] == ([] if ipc is None else [pytest.approx(ipc)])
    assert [reason in sentence for sentence in found.left_out if reason] == ([] if reason is None else [True])


def test_a_board_that_is_measured_later_renews_the_estimates_of_its_core_alone() -> None:
    def emulated(key: str, processor: str) -> TargetResult:
        counted = [instructions(3_000_000, processor=processor)]
        place = Place(configuration(), f"target/{key}/tflite/int8", "Raspberry Pi 4 Model B Rev 1.4")
        old = entry(place, estimate(3_000_000, boards.load(key), True, "XNNPACK"))
        estimates = [old, tiny_results.estimate(None, file="other.tflite")]
        return tiny_results.result("emulated", processor, target=key, instructions=counted, estimates=estimates)

    pi4, pi3 = emulated("pi4", "cortex-a72"), emulated("pi3", "cortex-a53")
    assert renewed([pi4, pi3]) == [pi4, pi3]
    device = tiny_results.result("device", latency=[latency(3.0)])  # 3 M instructions at 1.5 GHz: 0.667 a cycle
    again, other, same = renewed([pi4, pi3, device])
    assert (other, same) == (pi3, device)
    new, uncounted = again.estimates
    boards_clock = boards.load("pi4").clock_hz
    assert new.milliseconds.value == pytest.approx(3.0 * 1.5e9 / boards_clock)
    assert (new.milliseconds.provenance, new.milliseconds.path) == (ESTIMATED, "target/pi4/tflite/int8/estimate")
    assert any("measured on Raspberry Pi 4" in source for source in new.sources)
    assert uncounted == pi4.estimates[1]
    result.checked(again, "it")
    gone = replace(pi4, target="pi7")
    assert renewed([gone, device]) == [gone, device]
    floats = replace(pi4.instructions[0], classes={"float_mac": 300_000})
    (refused, _) = renewed([replace(pi4, instructions=[floats])])[0].estimates
    assert (refused.milliseconds.value, str(refused.reason)[:3]) == (None, "10%")
    assert "10% of its instructions" in refused.milliseconds.source


def test_a_count_of_another_core_or_file_does_not_fit(tmp_path: Path) -> None:
    times = tiny_results.result("device", latency=[latency(2.0)])
    other_core = tiny_results.result("emulated", instructions=[instructions(3_000_000, processor="cortex-a53")])
    other_file = tiny_results.result("emulated", instructions=[instructions(3_000_000)])
    other_file = replace(other_file, models={"model.tflite": "c" * 64})
    floats = tiny_results.result("emulated", instructions=[instructions(3_000_000, integer=False)])
    folder = write(tmp_path, times=times, core=other_core, file=other_file, floats=floats)
    assert refit.of(refit.read(folder)) == Refit([], [])
    with pytest.raises(UserError, match="no folder"):
        refit.read(tmp_path / "none")


def test_the_command_says_that_no_board_was_at_hand_and_what_one_point_is_worth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = tiny_results.result("emulated", instructions=[instructions(3_000_000)])
    folder = write(tmp_path, counts=counts, times=tiny_results.result("device", latency=[latency(2.0)]))
    command.show()
    published = capsys.readouterr().out
    assert "No board was ever at hand" in published
    assert "predicted from the others: -8% (by MACs alone -25%)" in published
    command.show(measured=folder)
    assert "cortex-a72: 1.00 instructions per cycle, measured" in (own := capsys.readouterr().out)
    assert own.count("one network alone: it fits itself") == 2  # of the A72 and the A76
    assert own.count("predicted from the published times: -14%") == 1  # 1.00 where they say 1.16
    hot = tiny_results.result("device", latency=[latency(2.0)])
    hot = replace(hot, board=replace(hot.board, during=None))
    command.show(measured=write(tmp_path / "empty", counts=counts, hot=hot))
    said = capsys.readouterr().out
    assert "is left out: its clock under load was not seen." in said
    assert "nothing refitted" in said
