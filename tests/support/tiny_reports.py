"""Small whole reports (report.json, format 2) to compare."""

import copy
import json
from typing import Any

import numpy as np

from bench.measure.accuracy import findings
from tests.support import tiny_report
from tests.support.tiny_answers import LABELS, clips_of, drawn, logits_of, model

INT8, ONNX = "model.tflite", "model.onnx"


def figure(value: float, unit: str, how: str = "measured", **more: Any) -> dict[str, Any]:
    return {"value": value, "unit": unit, "how": how, "source": "a test", **more}


def accuracy(answer: np.ndarray | None = None, onnx: np.ndarray | None = None) -> dict[str, Any]:
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
    found = findings.judge(files, clips, LABELS, None, train_devices=["a"], pairs=[(INT8, ONNX)])
    return json.loads(json.dumps({**findings.content(found), "drop_ins": {}}))


ACCURACY = accuracy()
WHOLE = tiny_report.run()
BASE: dict[str, Any] = {
    "format": 2,
    "made": "2026-01-01T00:00:00+00:00",
    "command": "python -m bench",
    "sentence": "It fits.",
    "figures": {
        "accuracy/teacher/macro": figure(0.9, "fraction", "quoted"),
        "cost/teacher/macs": figure(2e9, "MACs", "quoted"),
        "accuracy/tflite/drop_in/same_answers": figure(1.0, "fraction"),
        "cost/network/macs": figure(26e6, "MACs", "quoted"),
        "cost/tflite/int8/constant_bytes": figure(110_000, "bytes"),
        "cost/tflite/int8/float_operations": figure(0, "count"),
        "memory/tflite/int8/peak_activations": figure(200_000, "bytes", "estimated"),
        "memory/tflite/int8/resident_increment": figure(5_000_000, "bytes"),
        "memory/tflite/int8/resident_peak": figure(60_000_000, "bytes"),
        "size/tflite/int8": figure(147_132, "bytes"),
        "target/pi4/tflite/int8/instructions": figure(4_665_000, "instructions"),
        "latency/tflite/int8/median": figure(0.4, "ms", interval=[0.39, 0.41]),
        "latency/tflite/int8/p99": figure(0.6, "ms"),
        "latency/tflite/int8/built_in/2_threads/median": figure(0.9, "ms", interval=[0.89, 0.91]),
    },
    "subject": {
        "kind": "run",
        "name": "export",
        "headline": INT8,
        "reference": None,
        "mel": None,
        "files": {
            name: {"title": name, "bytes": 147_132, "sha256": 64 * "0", "integer": True, "drop_in": False}
            for name in (INT8, ONNX)
        },
    },
    "verdict": {**WHOLE["verdict"], "years": dict.fromkeys(("2022", "2024"), WHOLE["verdict"]["years"]["2024"])},
    "layers": [],
    "accuracy": ACCURACY,
    "latency": WHOLE["latency"],
    "memory": {},
    "energy": None,
    "targets": [],
    "model": None,
    "data": {"file": "data.h5", "checksum": "c0ffee"},
    "lineage": [],
    "machine": {
        "cpu": "one",
        "cores": 2,
        "flags": ["avx2"],
        "governor": None,
        "versions": {"python": "3.11.7", "numpy": "2.4.6", "ai-edge-litert": "2.3.0"},
    },
    "parity": {"agreements": [{"differing": 0}]},
}


def report(*changes: tuple[str, Any]) -> dict[str, Any]:
    """A report with other values at some places, for example ("machine.cpu", "two")."""
    content = copy.deepcopy(BASE)
    for place, value in changes:
        *way, last = (
            place.split(".") if not place.startswith("figures:") else ["figures", place.removeprefix("figures:")]
        )
        inside = content
        for key in way:
            inside = inside[key]
        inside[last] = (
            {**inside[last], **value} if isinstance(value, dict) and isinstance(inside[last], dict) else value
        )
    return content
