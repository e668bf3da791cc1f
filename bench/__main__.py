"""Command: judge an exported run.

python -m bench --model RUN --data FILE.h5
"""

import json as json_format
import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import companions
from bench.accuracy import answers as accuracy
from bench.graph import cost as graph_cost
from bench.latency import rounds as latency
from bench.report import content as report
from bench.verdict import checks as verdict
from deploy import runtime
from deploy.runtime import Model
from tinyasc import artifact, machine, metrics, recipe
from tinyasc.clips import Clips
from tinyasc.errors import UserError

MADE_UP = "tinyasc.scenes"
"""In the source of a data set whose sounds this project made up."""


def judge(
    model: Path, data: Path, out: Path | None = None, json: Path | None = None, latency_seconds: float = 10.0
) -> None:
    """Measure accuracy, size, cost and latency of the shipped files and write report.html and report.json.

    Args:
        model: export run (`make export`).
        data: prepared data set (.h5); its test split is judged.
        out: folder for the report; default: `bench` beside the run.
        json: one more place for report.json.
        latency_seconds: time for the latency rounds, seconds.
    """
    if latency_seconds <= 0:
        raise UserError(f"latency_seconds is {latency_seconds}: take more than 0")
    out = model.resolve().parent / "bench" if out is None else out
    if out.is_file():
        raise UserError(f"{out} is a file: give --out a folder")
    card = artifact.load_card(model, "export")
    missing = [file for file in report.FILES if file not in card.files]
    if missing:
        raise UserError(f"{model} lacks {', '.join(missing)}: make it again with `make export`")
    beside = [file for file in (*companions.DROP_INS, *companions.VARIANTS) if file in card.files]
    models = {file: runtime.load(model / file, threads=1) for file in (*report.FILES, *beside)}
    with Clips(data) as clips:
        findings = _find_out(card, model, models, clips, latency_seconds)
    content = report.write(findings, out)
    if json is not None:
        json.parent.mkdir(parents=True, exist_ok=True)
        artifact.atomic_write(json, (json_format.dumps(content, indent=1) + "\n").encode())
    _print_table(content)
    places = [out / "report.html", out / "report.json", *([json] if json is not None else [])]
    print("\nwrote " + ", ".join(map(str, places)))


def _find_out(
    card: artifact.ModelCard, run: Path, models: Mapping[str, Model], clips: Clips, latency_seconds: float
) -> report.Findings:
    here = machine.describe()  # before the work, so that the load it reports is the others'
    networks = {file: models[file] for file in report.FILES}
    others = {file: model for file, model in models.items() if file not in networks}
    logits = accuracy.logits_of(networks, clips, card)
    trained_on = card.data.get("checksum")
    train_devices = card.data.get("train_devices") or clips.train_devices
    cost = graph_cost.read(run / report.INT8)
    network = verdict.network_of(card, cost)
    parity = run / "parity.json"
    return report.Findings(
        card=card,
        parity=json_format.loads(parity.read_text()) if parity.is_file() else None,
        scores={file: metrics.score_test(found, clips, train_devices) for file, found in logits.items()},
        agreements={
            "float": accuracy.agreement(logits[report.INT8], logits[report.FLOAT]),
            "onnx": accuracy.agreement(logits[report.INT8], logits["model.onnx"]),
        },
        cost=cost,
        network=network,
        checks=verdict.checks(cost, network),
        timing=latency.measure(networks, latency_seconds),
        companions=companions.Companions(
            latency.measure(others, latency_seconds),
            companions.same_answers(others, clips, logits),
            len(clips.labelled("test")),
        )
        if others
        else None,
        machine=here,
        data={
            "file": clips.path.name,
            "source": clips.source,
            "checksum": clips.checksum,
            "trained_on": trained_on,
            "train_devices": train_devices,
            "test_clips": len(clips.indices("test")),
            "test_recordings": len(set(clips.recording[clips.indices("test")].tolist())),
            "test_moments": len(set(clips.moment[clips.indices("test")].tolist())),
            "made_up": MADE_UP in clips.source,
        },
        command=shlex.join(["python", "-m", "bench", *sys.argv[1:]]),
        made=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _print_table(content: dict[str, Any]) -> None:
    """The figures people ask for first, each with its origin."""
    print(f"\n{content['sentence']}\n")
    shown = {
        "teacher accuracy": "accuracy/teacher/macro",
        "student accuracy": "accuracy/student/macro",
        "float .tflite accuracy": "accuracy/tflite/float/macro",
        "INT8 .tflite accuracy": "accuracy/tflite/int8/macro",
        "INT8 .onnx accuracy": "accuracy/onnx/int8/macro",
        "  on devices heard in training": "accuracy/tflite/int8/group/seen",
        "  on unheard devices": "accuracy/tflite/int8/group/unseen",
        "MACs": "cost/network/macs",
        "parameters": "cost/network/parameters",
        "constants in the file": "cost/int8/constant_bytes",
        "INT8 .tflite size": "size/tflite/int8",
        "peak activations": "cost/int8/peak_activation_bytes",
        "INT8 .tflite latency": "latency/tflite/int8/median",
        "float .tflite latency": "latency/tflite/float/median",
        "INT8 over float, .tflite": "latency/tflite/int8_over_float",
        "INT8 .onnx latency": "latency/onnx/int8/median",
        "float .onnx latency": "latency/onnx/float/median",
        "INT8 over float, .onnx": "latency/onnx/int8_over_float",
        "drop-in .tflite size": "size/tflite/drop_in",
        "drop-in .tflite latency": "latency/tflite/drop_in/median",
        "drop-in .onnx size": "size/onnx/drop_in",
        "drop-in .onnx latency": "latency/onnx/drop_in/median",
    }
    for name, path in shown.items():
        figure = content["figures"].get(path)
        if figure is not None and figure["value"] is not None:
            print(f"{name:32} {_text(figure):>24}   {figure['how']}")


def _text(figure: dict[str, Any]) -> str:
    value, unit = figure["value"], figure["unit"]
    if unit == "fraction":
        low_high = figure.get("interval")
        return f"{100 * value:.1f} %" + (f" [{100 * low_high[0]:.1f}, {100 * low_high[1]:.1f}]" if low_high else "")
    if unit in ("ms", "ratio"):
        return f"{value:.3g}" + (" ms" if unit == "ms" else "")
    return f"{value:,.0f} {unit}"


if __name__ == "__main__":
    raise SystemExit(recipe.run(judge))
