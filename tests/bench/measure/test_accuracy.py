"""Answers, and two files on the same clips: against hand counts, published values, and statistics that are known."""

from dataclasses import replace
from math import log
from typing import Any

import numpy as np
import pytest

from bench.measure.accuracy import findings, pairs
from bench.measure.accuracy.answers import Answers, answers, as_logits
from bench.measure.figure import figures, path_of
from bench.measure.records import decode, encode
from deploy.runtime import Model, Port
from tests.support.tiny_answers import LABELS, clips_of, drawn, logits_of, model
from tinyasc import metrics
from tinyasc.errors import UserError
from tinyasc.mel import MelConfig


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [
        (0, 0, 1.0),
        (1, 0, 1.0),  # 2 / 2
        (0, 5, 2 / 32),
        (8, 2, 2 * (1 + 10 + 45) / 1024),
        (10, 10, 1.0),
        (121, 59, 4.434449263755e-06),  # statsmodels' table [[101, 121], [59, 33]]; also scipy.stats.binomtest(59, 180)
        (3000, 3200, 0.01148825377087),  # binomtest(3000, 6200): beyond what a float holds of 2 ** n
        (0, 1100, 0.0),  # too small for a float
    ],
)
def test_mcnemar(only_first: int, only_second: int, p: float) -> None:
    assert pairs.p_value(only_first, only_second) == pytest.approx(p, rel=1e-10)
    assert pairs.p_value(only_second, only_first) == pairs.p_value(only_first, only_second)


@pytest.mark.parametrize(
    ("outputs", "step", "least"),
    [
        ([[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]], None, 2.0**-23),
        ([[0.5, 0.25, 0.25], [0.0, 0.0, 255 / 256]], 1 / 256, 1 / 512),  # an INT8 softmax: 1 does not fit
        ([[0.5, 0.25, 0.25], [0.0, 0.0, 0.9]], None, None),  # does not sum to 1
        ([[0.5, 0.25, 0.25], [-0.1, 0.1, 1.0]], None, None),  # a negative one
        ([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]], 1.0, None),  # integers above 0 are no probabilities
    ],
)
def test_probabilities_are_told_from_logits(
    outputs: list[list[float]], step: float | None, least: float | None
) -> None:
    given = np.array(outputs, np.float32)
    found = as_logits(given, step)
    assert (found.least, found.probabilities) == (least, least is not None)
    if least is None:
        assert found.logits is given
    else:
        losses = metrics.losses(found.logits, np.array([1, 0]))
        # not what a softmax of the probabilities would give: 1.1 and 1.6
        assert losses == pytest.approx([-log(0.25), -log(least)], rel=1e-2)


def shaped(file: Model, shape: tuple[int, ...], dtype: str) -> Model:
    return replace(file, input=Port(shape, np.dtype(dtype)))


WAVEFORM = np.random.default_rng(0).normal(size=(130, 3)).astype(np.float32)  # more than two batches


def test_every_clip_is_answered_in_order() -> None:
    clips = clips_of(np.zeros(130, int), np.arange(130), WAVEFORM)
    files = {
        "echo": model("e.onnx", lambda one: one),
        "soft": model("s.onnx", lambda one: np.exp(one) / np.exp(one).sum()),
    }
    found = answers(files, clips, LABELS, None)
    assert np.array_equal(found["echo"].logits, WAVEFORM)
    assert (found["echo"].probabilities, found["soft"].probabilities) == (False, True)
    assert found["soft"].logits == pytest.approx(metrics.log_softmax(WAVEFORM), abs=1e-5)


@pytest.mark.parametrize(
    ("file", "changes", "mel", "message"),
    [
        (model("f.onnx", abs), {"labels": ["x", "y", "z"]}, None, "are not the model's"),
        (model("f.onnx", abs), {}, MelConfig(), "the data set has 16000 Hz, the model takes 32000"),
        (model("f.onnx", abs, samples=8), {}, None, "f.onnx takes 8 inputs, but a clip of d.h5 becomes 3 samples"),
        (
            model("f.onnx", abs),
            {"sample_rate": 32_000, "samples": 32_000},
            MelConfig(),
            r"becomes 256x64 \(bands x frames\): give the front-end",
        ),
        (
            shaped(model("f.onnx", abs), (1, 64, 256), "float32"),
            {"sample_rate": 32_000, "samples": 32_000},
            MelConfig(),
            "f.onnx takes frames x bands, 64x256: transpose its input to bands x frames",
        ),
        (shaped(model("f.onnx", abs), (1, 3), "bool"), {}, None, "f.onnx takes true and false"),
        (model("f.onnx", lambda one: np.zeros((1, 12))), {}, None, "gives 12 outputs, but d.h5 has 3 labels"),
        (model("f.onnx", lambda one: one / 0), {}, None, "undefined outputs on 130 of 130 clips"),
    ],
)
def test_files_that_do_not_fit_get_one_line(file: Model, changes: Any, mel: Any, message: str) -> None:
    clips = clips_of(np.zeros(130, int), np.arange(130), WAVEFORM, **changes)
    with np.errstate(divide="ignore"), pytest.raises(UserError, match=message) as raised:
        answers({"f.onnx": file}, clips, LABELS, mel)
    assert "\n" not in str(raised.value)


def test_a_pair_by_hand() -> None:
    label, moment = [0, 0, 1, 1, 2, 2], [0, 1, 2, 3, 4, 5]
    clips = clips_of(label, moment, np.zeros((6, 3), np.float32))
    first, second = logits_of(np.array([0, 1, 1, 1, 2, 0])), logits_of(np.array([0, 0, 1, 0, 1, 0]), 3.0)
    logits = {"i.onnx": first, "f.onnx": second}
    sums = pairs.summed(logits, clips.label, clips.moment)
    found = pairs.compared(
        "i.onnx", "f.onnx", {name: Answers(one) for name, one in logits.items()}, sums, clips=clips, source="clips"
    )
    assert (found.both_right, found.only_first, found.only_second, found.both_wrong) == (2, 2, 1, 1)
    assert found.p_value.value == 1.0
    assert found.agreement == pairs.Agreement(6, 3)
    assert found.agreement_by_device == {"a": pairs.Agreement(3, 2), "s4": pairs.Agreement(3, 1)}
    assert found.agreement_by_class["tram"] == pairs.Agreement(2, 1)
    assert found.macro.value == pytest.approx((0.5 + 1 + 0.5) / 3 - (1 + 0.5 + 0) / 3)
    assert found.exact == pairs.Exact(0, 3.0)
    assert found.significant is False
    probabilities = {"i.onnx": Answers(first), "f.onnx": Answers(second, 1e-7)}
    other = pairs.compared("i.onnx", "f.onnx", probabilities, sums, clips=clips, source="clips")
    assert other.exact is None


def gap_of(sums: pairs.ClusterSums) -> pairs.Difference:
    return pairs.difference(sums, "f", sums, "s")


@pytest.mark.parametrize(
    ("places", "least"),
    [
        (40, 88),  # 95 expected of 100, 2.2 the deviation
        (3, 88),  # 6 degrees of freedom, of which a normal interval knows nothing: 91, and 85 without the spread
    ],
)
def test_the_paired_interval_holds_the_true_difference_as_often_as_it_says(places: int, least: int) -> None:
    held = 0
    for seed in range(100):
        label, moment, logits = drawn(seed, (0.6, 0.5), places)
        low, high = gap_of(pairs.summed(logits, label, moment)).macro_interval or (0, 0)
        held += low <= 0.1 <= high
    assert least <= held <= 100


def test_clips_of_one_moment_make_mcnemar_sure_but_not_the_bootstrap() -> None:
    label, moment, logits = drawn(0, (0.58, 0.52))
    nine = [np.repeat(values, 9, axis=0) for values in (label, moment)]  # the same sound by nine devices
    once = gap_of(pairs.summed(logits, label, moment))
    often = gap_of(pairs.summed({name: np.repeat(one, 9, axis=0) for name, one in logits.items()}, *nine))
    assert often.macro_interval == pytest.approx(once.macro_interval)
    assert often.log_loss_interval == pytest.approx(once.log_loss_interval)
    first, second = (logits[name].argmax(axis=1) == label for name in "fs")
    only = int((first & ~second).sum()), int((second & ~first).sum())
    assert pairs.p_value(*only) > 0.03
    assert pairs.p_value(9 * only[0], 9 * only[1]) < 1e-6


def test_sums_by_moment_give_the_scores_and_survive_the_report() -> None:
    label, moment, logits = drawn(3, (0.7, 0.4))
    sums = pairs.summed(logits, label, moment)
    again = decode(encode(sums), pairs.ClusterSums)
    for file, one in logits.items():
        correct, loss = one.argmax(axis=1) == label, metrics.losses(one, label)
        part = metrics.score_part(correct, loss, label, moment, 3)
        assert sums.whole(file) == pytest.approx((part.macro, part.log_loss))
        nothing = pairs.difference(again, file, again, file)
        assert (nothing.macro, nothing.macro_interval, nothing.log_loss_interval) == (0, (0, 0), (0, 0))
        perfect = pairs.ClusterSums(sums.label, sums.clips, {"p": sums.clips}, {"p": [0.0] * 120})
        gap = pairs.difference(perfect, "p", again, file)  # against a constant its own interval, turned round
        spread = np.sqrt(40 / 39)
        own = [part.macro + spread * (end - part.macro) for end in part.interval or ()]
        assert gap.macro_interval == pytest.approx((1 - own[1], 1 - own[0]))
        assert gap.log_loss == pytest.approx(-part.log_loss, abs=1e-6)


def test_margins_are_above_zero_where_right_and_thinned_evenly() -> None:
    random = np.random.default_rng(0)
    first, label = random.normal(size=(3000, 3)).astype(np.float32), random.integers(3, size=3000)
    second = first + random.normal(size=(3000, 3)).astype(np.float32)
    found = pairs.margins(first, second, label)
    assert found.clips == 3000
    assert len(found.first) == len(found.right_second) == pairs.POINTS
    assert np.array_equal(np.array(found.first) > 0, found.right_first)
    assert np.array_equal(np.array(found.second) > 0, found.right_second)
    clips = np.arange(3000)
    margin = second[clips, label] - np.where(np.eye(3, dtype=bool)[label], -np.inf, second).max(axis=1)
    at = [0, 0.1, 0.5, 0.9, 1]
    assert np.quantile(found.second, at) == pytest.approx(np.quantile(margin, at), abs=0.02)
    assert len(pairs.margins(first[:400], second[:400], label[:400]).first) == 400


def test_content_and_figures_hold_every_part() -> None:
    label = np.arange(36) % 3
    clips = clips_of(label, np.arange(36) // 3, WAVEFORM[:36])
    files = {"m.tflite": model("m.tflite", lambda one: one), "m.onnx": model("m.onnx", np.sign)}
    found = findings.judge(files, clips, LABELS, None, train_devices=["a"], compared=[("m.tflite", "m.onnx")])
    assert decode(encode(found), findings.Accuracy) == found
    made = figures(found)
    for file in files:
        answered = found.files[file]
        assert np.sum(answered.confusion) == 36
        assert {kind: sorted(parts) for kind, parts in answered.parts.items()} == {
            "class": LABELS,
            "device": ["a", "s4"],
            "group": ["seen", "unseen"],
            "city": ["lyon"],
        }
        for kind, parts in answered.parts.items():
            for name, part in parts.items():
                place = f"accuracy/{path_of(file)}/{kind}/{name}"
                assert (made[f"{place}/macro"], made[f"{place}/log_loss"]) == (part.macro, part.log_loss)
                assert part.macro.source == f"{file} on the test split of d.h5"
        lyon = answered.parts["city"]["lyon"]
        assert replace(lyon.macro, path="") == replace(answered.whole.macro, path="")
        assert (lyon.log_loss.interval, lyon.clips) == (answered.whole.log_loss.interval, answered.whole.clips)
    (pair,) = found.pairs
    against = made["accuracy/tflite/m/against/onnx/m/macro"]
    assert against == pair.macro
    macro = [found.files[file].whole.macro.value or 0.0 for file in files]
    assert against.value == pytest.approx(macro[0] - macro[1])
    assert made["accuracy/tflite/m/against/onnx/m/p_value"].value == pairs.p_value(pair.only_first, pair.only_second)
    assert found.sums.clips == [1] * 36  # three labels in each of twelve moments of this test
