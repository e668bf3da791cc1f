"""Small whole reports to compare."""

from dataclasses import replace
from typing import Any

import numpy as np

from bench.measure.accuracy import findings
from bench.measure.accuracy.findings import Accuracy
from bench.report.document import Report
from tests.support import tiny_report, tiny_results
from tests.support.tiny_answers import LABELS, clips_of, drawn, logits_of, model
from tests.support.tiny_rooms import figure

INT8, ONNX = "model.tflite", "model.onnx"


def accuracy(answer: np.ndarray | None = None, onnx: np.ndarray | None = None) -> Accuracy:
    """Of two files on 600 clips, whose answers are given; default: right on 70 %, and the same in both."""
    label, moment, logits = drawn(0, (0.7, 0.7))
    given = {INT8: logits["f"] if answer is None else logits_of(answer)}
    given[ONNX] = given[INT8] if onnx is None else logits_of(onnx)
    place = np.arange(600, dtype=np.float32)[:, None]
    files = {
        name: model(name, lambda one, of=name: given[of][int(one[0, 0])][None], samples=2)  # a clip says its number
        for name in given
    }
    clips = clips_of(label, moment, np.concatenate([place, place], axis=1))
    found = findings.judge(files, clips, LABELS, None, train_devices=["a"], compared=[(INT8, ONNX)])
    same = findings.DropInAccuracy(INT8, 600, 600, figure("accuracy/tflite/drop_in/same_answers", 1.0))
    return replace(found, drop_ins={"drop_in.tflite": same})


RUN = tiny_report.run()
VERSIONS = {"python": "3.11.7", "numpy": "2.4.6", "ai-edge-litert": "2.3.0"}
_BASE = replace(
    RUN,
    model=replace(RUN.model, reference=None, files={name: RUN.model.files[name] for name in (INT8, ONNX)}),
    compliance=replace(RUN.compliance, years=dict.fromkeys((2022, 2024), RUN.compliance.years[2024])),
    accuracy=accuracy(),
    energy=None,
    targets=[tiny_results.result("emulated", instructions=[tiny_results.instructions(4_665_000)])],
    machine=replace(RUN.machine, cpu="one", versions=VERSIONS),
)
BASE = tiny_report.edited(
    _BASE,
    ("figures:cost/network/macs", {"value": 26e6}),
    ("figures:memory/tflite/int8/peak_activations", {"value": 200_000}),
    ("figures:memory/tflite/int8/resident_increment", {"value": 5_000_000}),
    ("figures:memory/tflite/int8/resident_peak", {"value": 60_000_000}),
    ("figures:latency/tflite/int8/median", {"value": 0.4, "interval": [0.39, 0.41]}),
)


def report(*changes: tuple[str, Any]) -> Report:
    """BASE with other values at some places (`tiny_report.edited`)."""
    return tiny_report.edited(BASE, *changes)
