"""Two small reports: of a run with everything measured, and of a file of which little is known."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec

from bench.measure.figure import QUOTED, path_of
from bench.measure.records import decode, encode
from bench.measure.subject import File, ModelUnderTest
from bench.report.document import Ancestor, DataSet, DropInParity, FileParity, Parity, Report
from tests.support import tiny_results
from tests.support.tiny_rooms import LABELS, LAYERS, SHA, accuracy, compliance, energy, figure, latency, memory
from tinyasc.artifact import ModelCard
from tinyasc.machine import Machine
from tinyasc.mel import MelConfig

MACHINE = Machine("AMD EPYC", 2, 2, ["avx2"], None, 2445.4, True, 0.5, "Linux x86_64", {"python": "3.11.7"})


def file(name: str, title: str, integer: bool = True, drop_in: bool = False) -> File:
    return File(title, figure(f"size/{path_of(name)}", 147_132, "bytes"), SHA, integer, drop_in)


def run() -> Report:
    """Everything was measured."""
    files = {
        "model.tflite": file("model.tflite", "INT8 .tflite"),
        "model_float.tflite": file("model_float.tflite", "float .tflite", integer=False),
        "model.onnx": file("model.onnx", "INT8 .onnx"),
        "drop_in.tflite": file("drop_in.tflite", "INT8 .tflite, drop-in", integer=False, drop_in=True),
    }

    def ancestor(stage: str, architecture: str, *numbers: float | None) -> Ancestor:
        paths = ("accuracy/{}/macro", "accuracy/{}/log_loss", "cost/{}/macs", "cost/{}/parameters")
        units = ("fraction", "nats", "MACs", "parameters")
        quoted = [
            figure(path.format(stage), number, unit, provenance=QUOTED)
            for path, number, unit in zip(paths, numbers, units, strict=True)
        ]
        return Ancestor(stage, architecture, *quoted)

    return Report(
        made="2026-11-27T09:17:31+00:00",
        command="python -m bench --model runs/export --data runs/data.h5",
        sentence="The INT8 model fits the limits.",
        lineage=[
            ancestor("teacher", "passt", 0.81, 0.6, 2e9, 85_000_000),
            ancestor("student", "cp_mobile", None, None, None, None),
        ],
        model=ModelUnderTest("run", "export", "model.tflite", "model_float.tflite", MelConfig(), files),
        compliance=compliance("model.tflite", 26_622_208, "quoted", drop_in=True),
        layers=LAYERS,
        accuracy=accuracy(),
        latency=latency(list(files), whole=True),
        memory={name: memory(name) for name in files},
        energy=energy(),
        targets=tiny_results.both(),
        card=ModelCard(
            "export",
            "cp_mobile",
            {},
            None,
            LABELS,
            {},
            {},
            {},
            0,
            git_commit="0123456789abcd",
            command="python -m export",
        ),
        data=DataSet("data.h5", "scenes", "c0ffee", "decaf", ["a", "s1"], 270, 60, 20, made_up=True),
        machine=MACHINE,
        parity=Parity(
            {"real": 32, "noise": 335},
            [FileParity("model.tflite", "r", "k", 2, 3000, 0)],
            [DropInParity("drop_in.tflite", "r", 2, "sounds", 256, 1e-5, 5e-4, 3000, 0, 1, 0)],
        ),
    )


def foreign() -> Report:
    """One file that nothing is known of but itself, over the limits, with no data to answer."""
    name = "kws.tflite"
    unknown = replace(memory(name), arena=None, arena_unmeasured="tflite-micro is not there")
    return replace(
        run(),
        sentence="The file breaks the limits.",
        lineage=[],
        model=ModelUnderTest("file", name, name, None, None, {name: file(name, name)}),
        compliance=compliance(name, 53_174_356, "estimated", drop_in=False),
        accuracy=None,
        latency=latency([name], whole=False),
        memory={name: replace(unknown, resident=None, resident_unmeasured="no process could be started")},
        energy=None,
        targets=[],
        card=None,
        data=None,
        parity=None,
    )


def edited(report: Report, *changes: tuple[str, Any]) -> Report:
    """A report with other values at some places.

    Args:
        report: which one.
        changes: such as ("machine/cpu", "two"), or ("figures:size/tflite/int8", {"value": 1}) for a figure by its path.
    """
    content: Any = msgspec.to_builtins(report, str_keys=True)
    for place, value in changes:
        if place.startswith("figures:"):
            (found,) = [one for one in _dicts(content) if one.get("path") == place.removeprefix("figures:")]
            found |= value
            continue
        *way, last = place.split("/")
        inside = content
        for key in way:
            inside = inside[int(key) if isinstance(inside, list) else key]
        inside[last] = msgspec.to_builtins(value, str_keys=True)
    return decode(encode(content), Report)


def _dicts(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
        yield from _dicts(child)
