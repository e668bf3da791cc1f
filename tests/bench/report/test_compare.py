"""Every verdict of the comparison of two reports, and its words."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.measure.accuracy.findings import Accuracy
from bench.measure.accuracy.pairs import ClusterSums
from bench.measure.compliance.findings import Violation
from bench.report import compare as reports
from bench.report.changes import DEFAULT, IMPROVEMENT, NOT_COMPARED, REGRESSION, SAME, Tolerance, apart
from bench.report.document import Report
from tests.support.tiny_answers import drawn
from tests.support.tiny_reports import BASE, INT8, accuracy, report
from tinyasc.errors import UserError

LABEL, MOMENT, LOGITS = drawn(0, (0.7, 0.7))
ANSWER = LOGITS["f"].argmax(axis=1)
RIGHT = ANSWER == LABEL


def answering(*changes: tuple[np.ndarray, bool]) -> Accuracy:
    """The accuracy of both files if some clips were answered right, or wrong."""
    answer = ANSWER.copy()
    for clips, right in changes:
        answer[clips] = (LABEL[clips] + (not right)) % 3
    return accuracy(answer)


FALLEN = answering((np.flatnonzero(RIGHT)[::10], False))  # 42 clips: 7 points, in every moment alike
CHANCE = answering((np.flatnonzero(RIGHT)[::14], False), (np.flatnonzero(~RIGHT)[::8], True))  # 30 less, 23 more
DEAF = answering((np.flatnonzero(RIGHT & (np.arange(600) % 2 == 1))[::2], False))  # by device s4 alone


def verdicts(old: Report, new: Report, tolerance: Tolerance = DEFAULT) -> dict[str, str]:
    return {one.name: one.verdict for one in reports.changes(old, new, tolerance)}


def test_a_report_is_as_good_as_itself() -> None:
    found = reports.changes(BASE, BASE, DEFAULT)
    assert {one.verdict for one in found} == {SAME}
    assert {"limits of 2024", f"{INT8}: macro accuracy", "latency/tflite/int8/median", "size/tflite/int8"} <= {
        one.name for one in found
    }
    reports.need_no_regression(found)
    assert reports.table(found) == f"{len(found)} of {len(found)} are as they were, within tolerance or chance"


MACRO, LOSS, MEDIAN = f"{INT8}: macro accuracy", f"{INT8}: log loss", "latency/tflite/int8/median"
RESIDENT = "memory/tflite/int8/resident_increment"
DROP_IN = "accuracy/tflite/drop_in/same_answers"
PI4 = "target/pi4/tflite/int8/instructions"
NOISY = "latency and memory of a process"


@pytest.mark.parametrize(
    ("name", "changes", "verdict", "text"),
    [
        (
            MACRO,
            [("accuracy", FALLEN)],
            REGRESSION,
            "69.2 % -> 62.2 %, 95 % interval of the difference -8.7 to -5.3 points",
        ),
        (
            LOSS,
            [("accuracy", FALLEN)],
            REGRESSION,
            "0.856 -> 0.996, 95 % interval of the difference +0.106 to +0.174 nats",
        ),
        (MACRO, [("accuracy", CHANCE)], SAME, "69.2 % -> 68.2 %, 95 % interval of the difference -3.4 to +1.5 points"),
        (f"{INT8}: device s4, accuracy", [("accuracy", DEAF)], REGRESSION, " % -> "),
        (f"{INT8}: device a, accuracy", [("accuracy", DEAF)], SAME, " % -> "),
        (f"{INT8}: group unseen, log loss", [("accuracy", DEAF)], REGRESSION, " -> "),
        (DROP_IN, [(f"figures:{DROP_IN}", {"value": 0.99})], REGRESSION, "100.0 % -> 99.0 % of its network's answers"),
        ("accuracy", [("accuracy", FALLEN), ("data/checksum", "f00d")], NOT_COMPARED, "other test data (data.h5 and"),
        ("accuracy", [("accuracy", None)], NOT_COMPARED, "not measured in the new report"),
        ("cost/network/macs", [("figures:cost/network/macs", {"value": 27e6})], REGRESSION, "27,000,000 MACs (+3.8 %)"),
        ("cost/network/macs", [("figures:cost/network/macs", {"value": 26.01e6})], SAME, ""),
        ("size/tflite/int8", [("figures:size/tflite/int8", {"value": 120_000})], IMPROVEMENT, "(-18.4 %)"),
        (PI4, [(f"figures:{PI4}", {"value": 4_700_000}), ("machine/cpu", "two")], SAME, "instructions (+0.8 %)"),
        (PI4, [(f"figures:{PI4}", {"value": 4_800_000}), ("machine/cpu", "two")], REGRESSION, "instructions (+2.9 %)"),
        (
            "cost/tflite/int8/float_operations",
            [("figures:cost/tflite/int8/float_operations", {"value": 1})],
            REGRESSION,
            "0 -> 1 count",
        ),
        (
            "memory/tflite/int8/peak_activations",
            [("figures:memory/tflite/int8/peak_activations", {"value": 201_000})],
            REGRESSION,
            "(+0.5 %)",
        ),
        (MEDIAN, [(f"figures:{MEDIAN}", {"value": 0.48, "interval": [0.47, 0.49]})], SAME, "0.4 -> 0.48 ms (+20.0 %)"),
        (MEDIAN, [(f"figures:{MEDIAN}", {"value": 0.52, "interval": [0.5, 0.54]})], REGRESSION, "(+30.0 %)"),
        (MEDIAN, [(f"figures:{MEDIAN}", {"value": 0.52, "interval": [0.4, 0.6]})], SAME, ""),  # too noisy to say
        (MEDIAN, [(f"figures:{MEDIAN}", {"value": 0.29, "interval": [0.2, 0.35]})], IMPROVEMENT, ""),
        (
            MEDIAN,
            [(f"figures:{MEDIAN}", {"value": 0.52, "interval": [0.5, 0.54]}), ("machine/load", 9)],
            REGRESSION,
            "",
        ),
        (
            NOISY,
            [(f"figures:{MEDIAN}", {"value": 9}), ("machine/cpu", "two")],
            NOT_COMPARED,
            "other machine: cpu one and two",
        ),
        (
            NOISY,
            [("machine/versions/ai-edge-litert", "2.4.0")],
            NOT_COMPARED,
            "other machine: ai-edge-litert 2.3.0 and 2.4.0",
        ),
        (
            RESIDENT,
            [(f"figures:{RESIDENT}", {"value": 7e6}), ("machine/versions/python", "3.12")],
            REGRESSION,
            "+40.0 %",
        ),
        (
            "limits of 2024",
            [
                ("compliance/years/2024/passed", False),
                ("compliance/violations", [Violation("MACs", [2024], 1, 1.0, "MACs over by 1")]),
            ],
            REGRESSION,
            "kept before, broken now: MACs over by 1",
        ),
        (f"{INT8} and model.onnx: bit-equal", [("accuracy", accuracy(onnx=(ANSWER + 1) % 3))], REGRESSION, "0 of 600"),
        ("parity of the export", [("parity/agreements/0/differing", 3)], REGRESSION, "0 -> 3 logits differ"),
    ],
)
def test_verdicts(name: str, changes: list[tuple[str, Any]], verdict: str, text: str) -> None:
    found = {one.name: one for one in reports.changes(BASE, report(*changes), DEFAULT)}
    assert found[name].verdict == verdict
    assert text in found[name].text
    assert "\n" not in found[name].text


def test_what_goes_the_other_way_is_better() -> None:
    worse = [("accuracy", FALLEN), ("figures:cost/network/macs", {"value": 27e6}), ("parity/agreements", [])]
    there = verdicts(BASE, report(*worse))
    back = verdicts(report(*worse), BASE)
    turned = {REGRESSION: IMPROVEMENT, IMPROVEMENT: REGRESSION}
    assert back == {name: turned.get(verdict, verdict) for name, verdict in there.items()}
    assert REGRESSION in there.values()


def test_a_fall_within_the_tolerance_passes_even_beyond_chance() -> None:
    wide = Tolerance(accuracy=0.1, log_loss=1, part_accuracy=1, part_log_loss=9)
    assert set(verdicts(BASE, report(("accuracy", FALLEN)), wide).values()) == {SAME}


def test_without_intervals_the_tolerance_alone_decides() -> None:
    sums = BASE.accuracy.sums if BASE.accuracy else None
    assert sums is not None
    one_moment = replace(
        accuracy(),
        sums=ClusterSums(
            label=[0],
            clips=[600],
            right={file: [sum(right)] for file, right in sums.right.items()},
            loss={file: [sum(loss)] for file, loss in sums.loss.items()},
        ),
    )
    worse = replace(one_moment, sums=replace(one_moment.sums, right={file: [300] for file in one_moment.files}))
    found = {c.name: c for c in reports.changes(report(("accuracy", one_moment)), report(("accuracy", worse)), DEFAULT)}
    assert (found[MACRO].verdict, found[LOSS].verdict) == (REGRESSION, SAME)
    assert "no interval: a class has one moment alone" in found[MACRO].text
    assert apart(None, (0.0, 1.0))
    assert not apart((0.0, 0.5), (0.5, 1.0))


def test_parts_of_few_moments_are_left_out() -> None:
    old = report((f"accuracy/files/{INT8}/parts/device/s4/moments", 12))  # 9 more than one a class
    found = {one.name: one for one in reports.changes(old, report(("accuracy", DEAF)), DEFAULT)}
    assert f"{INT8}: device s4, accuracy" not in found
    assert (found[f"{INT8}: parts of few moments"].verdict, found[f"{INT8}: group unseen, accuracy"].verdict) == (
        NOT_COMPARED,
        REGRESSION,
    )


def test_figures_of_other_runs_and_of_tails_are_left_alone() -> None:
    changed = (
        "accuracy/teacher/macro",
        "cost/teacher/macs",
        "memory/tflite/int8/resident_peak",
        "latency/tflite/int8/p99",
        "latency/tflite/int8/2_threads/median",
    )
    new = report(*((f"figures:{path}", {"value": 1e12}) for path in changed))
    assert set(verdicts(BASE, new).values()) == {SAME}


def test_a_file_that_one_report_lacks_is_named() -> None:
    files = dict(BASE.model.files)
    files["other.tflite"] = files.pop(INT8)
    new = report(("model/files", files))
    found = verdicts(BASE, new)
    assert (found[INT8], found["other.tflite"]) == (NOT_COMPARED, NOT_COMPARED)


def test_the_worst_regression_is_named_and_listed_first() -> None:
    macs, size = ("figures:cost/network/macs", {"value": 27e6}), ("figures:size/tflite/int8", {"value": 200_000})
    smaller = ("figures:cost/tflite/int8/constant_bytes", {"value": 9_000})
    found = reports.changes(BASE, report(macs, size, smaller), DEFAULT)
    with pytest.raises(UserError, match=r"^2 regressions, the worst: size/tflite/int8: 147,132 -> 200,000 bytes"):
        reports.need_no_regression(found)
    lines = reports.table(found).splitlines()
    assert [line.split()[:2] for line in lines[:3]] == [
        ["regression", "size/tflite/int8"],
        ["regression", "cost/network/macs"],
        ["improvement", "cost/tflite/int8/constant_bytes"],
    ]
    assert len(lines) == 4
    broken = report(macs, size, ("parity/agreements/0/differing", 1))
    with pytest.raises(UserError, match=r"^3 regressions, the worst: parity of the export"):  # before any number
        reports.need_no_regression(reports.changes(BASE, broken, DEFAULT))
