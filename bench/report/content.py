"""The report of one judged run: `report.json` for programs, `report.html` for people.

`report.json` (format 1). Every number under "figures" is {"value", "unit", "how", "source"}, with "interval" where
there is one; how is measured, estimated or quoted.
    sentence    the verdict in words
    figures     name -> figure; names are paths such as "accuracy/tflite/int8/macro" or "latency/onnx/float/p95"
    limits      one entry per year and rule: value, limit, share, passed, counting
    passed      year -> whether every rule of that year passed
    layers      the .tflite file operation by operation
    confusion   labels and counts (rows: truth, columns: answer) of the INT8 file
    agreement   INT8 with float, and the two INT8 files with each other, in counts of clips
    model, data, lineage, machine, parity    what was judged, on what, and where
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from bench.accuracy.answers import Agreement
from bench.companions import Companions, title
from bench.figure import ESTIMATED, MEASURED, QUOTED, Figure
from bench.graph.cost import GraphCost
from bench.latency.rounds import Timing
from bench.report import plots
from bench.report.published import PUBLISHED
from bench.verdict import checks as verdict
from bench.verdict.checks import Check, Network
from tinyasc.artifact import ModelCard, atomic_write
from tinyasc.bootstrap import Interval
from tinyasc.dcase import LIMITS
from tinyasc.machine import Machine
from tinyasc.metrics import Score

FORMAT = 1
TEMPLATE = Path(__file__).with_name("page.html.jinja")
INT8, FLOAT = "model.tflite", "model_float.tflite"
FILES = {INT8: "INT8 .tflite", FLOAT: "float .tflite", "model.onnx": "INT8 .onnx", "model_float.onnx": "float .onnx"}
"""The files of an export run and what the report calls them."""


@dataclass(frozen=True)
class Findings:
    """Everything that was found out about one run."""

    card: ModelCard
    parity: dict[str, Any] | None
    """parity.json of the export, where there is one."""
    scores: dict[str, Score]
    """By file name."""
    agreements: dict[str, Agreement]
    """"float" (INT8 with float .tflite) and "onnx" (INT8 .tflite with INT8 .onnx)."""
    cost: GraphCost
    """Of the INT8 .tflite."""
    network: Network
    checks: list[Check]
    timing: Timing
    """By file name."""
    companions: Companions | None
    """The drop-ins and variants, where the run has any."""
    machine: Machine
    data: dict[str, Any]
    """file, source, checksum, test_clips, train_devices, trained_on, made_up."""
    command: str
    made: str
    """Time of the report, ISO 8601."""


def write(findings: Findings, out: Path) -> dict[str, Any]:
    """Write report.html and report.json into `out`, each whole or not at all; returns what report.json holds.

    report.json comes last: where it is, the report is complete (it is what make looks at).
    """
    content = assemble(findings)
    page = render(findings, content)
    out.mkdir(parents=True, exist_ok=True)
    atomic_write(out / "report.html", page.encode())
    atomic_write(out / "report.json", (json.dumps(content, indent=1) + "\n").encode())
    return content


def assemble(findings: Findings) -> dict[str, Any]:
    """The content of report.json."""
    int8 = findings.scores[INT8]
    return {
        "format": FORMAT,
        "made": findings.made,
        "command": findings.command,
        "sentence": sentence(findings),
        "figures": {name: figure.to_dict() for name, figure in figures(findings).items()},
        "limits": [check.to_dict() for check in findings.checks],
        "passed": verdict.passed_years(findings.checks),
        "layers": [{**asdict(layer), "constant_bytes": layer.constant_bytes} for layer in findings.cost.layers],
        "confusion": {"labels": findings.card.labels, "counts": int8.confusion.tolist()},
        "agreement": {name: asdict(found) for name, found in findings.agreements.items()},
        "model": {key: value for key, value in asdict(findings.card).items() if key not in ("lineage", "accuracy")},
        "data": findings.data,
        "lineage": findings.card.lineage,
        "machine": asdict(findings.machine),
        "parity": findings.parity,
    }


def figures(findings: Findings) -> dict[str, Figure]:
    """Every number of the report by its path."""
    found: dict[str, Figure] = {}
    split = f"test split of {findings.data['file']}"
    for entry in findings.card.lineage:
        accuracy, source = entry.get("accuracy") or {}, f"model card of the {entry['stage']} run"
        found[f"accuracy/{entry['stage']}/macro"] = Figure(accuracy.get("macro"), "fraction", QUOTED, source)
        found[f"accuracy/{entry['stage']}/log_loss"] = Figure(accuracy.get("log_loss"), "nats", QUOTED, source)
        for key, unit in (("macs", "MACs"), ("parameters", "parameters")):
            value = (entry.get("cost") or {}).get(key)
            found[f"cost/{entry['stage']}/{key}"] = Figure(value, unit, QUOTED, source)
    for file, score in findings.scores.items():
        place, source = f"accuracy/{_path(file)}", f"{file} on the {split}"
        found[f"{place}/macro"] = Figure(score.macro, "fraction", MEASURED, source, score.interval)
        found[f"{place}/log_loss"] = Figure(score.log_loss, "nats", MEASURED, source, score.log_loss_interval)
        for kind, parts in (
            ("device", score.per_device),
            ("group", score.groups),
            ("class", score.per_class),
            ("city", score.per_city),
        ):
            for name, part in parts.items():
                found[f"{place}/{kind}/{name}"] = Figure(part.macro, "fraction", MEASURED, source, part.interval)
    network = findings.network
    found["cost/network/macs"] = Figure(network.macs, "MACs", network.how, network.source)
    found["cost/network/parameters"] = Figure(network.parameters, "parameters", network.how, network.source)
    cost, counted = findings.cost, f"counted in the graph of {INT8}"
    for name, value, unit, how in (
        ("macs", cost.macs, "MACs", MEASURED),
        ("parameters", cost.parameters, "parameters", MEASURED),
        ("weight_bytes", cost.weight_bytes, "bytes", MEASURED),
        ("bias_bytes", cost.bias_bytes, "bytes", MEASURED),
        ("constant_bytes", cost.constant_bytes, "bytes", MEASURED),
        ("float_operations", cost.float_operations, "count", MEASURED),
        ("peak_activation_bytes", cost.peak_activation_bytes, "bytes", ESTIMATED),
    ):
        source = f"{counted}, perfect packing assumed" if how == ESTIMATED else counted
        found[f"cost/int8/{name}"] = Figure(value, unit, how, source)
    for file, described in findings.card.files.items():
        if file in FILES:
            found[f"size/{_path(file)}"] = Figure(described["bytes"], "bytes", MEASURED, file)
    found |= _latency_figures(findings.timing, findings.machine)
    if findings.companions is not None:
        found |= _companion_figures(findings, findings.companions, split)
    for suffix in ("tflite", "onnx"):
        if {f"model.{suffix}", f"model_float.{suffix}"} <= set(findings.timing.milliseconds):
            ratio = findings.timing.ratio(f"model.{suffix}", f"model_float.{suffix}")
            source = "median of paired INT8 / float times"
            found[f"latency/{suffix}/int8_over_float"] = Figure(ratio, "ratio", MEASURED, source)
    return found


def _latency_figures(timing: Timing, machine: Machine) -> dict[str, Figure]:
    found = {}
    for file in timing.milliseconds:
        latency = timing.latency(file)
        source = f"{latency.kernels}, one thread, {latency.runs} interleaved runs, {machine.cpu}"
        found[f"latency/{_path(file)}/median"] = Figure(latency.median, "ms", MEASURED, source)
        found[f"latency/{_path(file)}/p95"] = Figure(latency.p95, "ms", MEASURED, source)
    return found


def _companion_figures(findings: Findings, companions: Companions, split: str) -> dict[str, Figure]:
    found = _latency_figures(companions.timing, findings.machine)
    for file in companions.timing.milliseconds:
        found[f"size/{_path(file)}"] = Figure(findings.card.files[file]["bytes"], "bytes", MEASURED, file)
    for file, same in companions.same_answers.items():
        source = f"{file} against its network on the {split}"
        found[f"accuracy/{_path(file)}/same_answers"] = Figure(same / companions.clips, "fraction", MEASURED, source)
    return found


def sentence(findings: Findings) -> str:
    """The verdict in one sentence."""
    years = verdict.passed_years(findings.checks)
    passed, failed = [y for y, ok in sorted(years.items()) if ok], [y for y, ok in sorted(years.items()) if not ok]
    if not failed:
        fits = f"fits the DCASE Task 1 limits of every year from {passed[0]} to {passed[-1]}"
    elif passed:
        fits = f"fits the DCASE Task 1 limits of {_list(passed)} but breaks those of {_list(failed)}"
    else:
        fits = f"breaks the DCASE Task 1 limits of {_list(failed)}"
    int8, float_ = findings.scores[INT8], findings.scores[FLOAT]
    lost = 100 * (float_.macro - int8.macro)
    beside = "as much as" if abs(lost) < 0.05 else f"{abs(lost):.1f} points {'below' if lost > 0 else 'above'}"
    where = "made-up test recordings" if findings.data["made_up"] else "the test recordings"
    reached = f"reaches {100 * int8.macro:.1f} % macro accuracy on {where}"
    return f"The INT8 model {fits} and {reached}, {beside} its float twin."


def render(findings: Findings, content: dict[str, Any]) -> str:
    """The page, complete in itself: styles and pictures inside, nothing to load."""
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["percent"] = lambda value, digits=1: "–" if value is None else f"{100 * value:.{digits}f} %"
    environment.filters["range"] = _range
    environment.filters["thousands"] = lambda value: "–" if value is None else f"{value:,.0f}"
    environment.filters["short"] = plots.short
    environment.filters["three_digits"] = plots.three_digits
    environment.filters["milliseconds"] = lambda value: f"{plots.three_digits(value)} ms"
    int8, float_ = findings.scores[INT8], findings.scores[FLOAT]
    # The last one: before it come the teachers that it may be the average of.
    teacher = next((entry for entry in reversed(findings.card.lineage) if entry["stage"] == "teacher"), None)
    known = teacher is not None and (teacher.get("accuracy") or {}).get("macro") is not None
    timed = {FILES[file]: findings.timing.latency(file) for file in findings.timing.milliseconds}
    limit = max(limits.macs for limits in LIMITS.values())
    macs = findings.network.macs
    deciding = sorted((check for check in findings.checks if check.decides), key=lambda check: check.share)
    rules = _by_rule(findings.checks)
    pictures = {
        "devices": plots.devices(int8, float_, findings.data["train_devices"]),
        "confusion": plots.confusion(int8, findings.card.labels),
        "macs": plots.accuracy_against_macs(
            {"float": (macs, float_.macro), "INT8": (macs, int8.macro)},
            ((teacher.get("cost") or {}).get("macs"), teacher["accuracy"]["macro"]) if known and teacher else None,
            limit,
        ),
        "latency": plots.latencies(timed),
    }
    return environment.from_string(TEMPLATE.read_text()).render(
        report=content,
        figures=content["figures"],
        findings=findings,
        files=FILES,
        companions={}
        if findings.companions is None
        else {f: title(f) for f in findings.companions.timing.milliseconds},
        int8=int8,
        float=float_,
        latency={file: findings.timing.latency(file) for file in findings.timing.milliseconds},
        worst={check.unit: check for check in deciding},
        tightest=next(check for check in reversed(deciding) if check.limit),
        over_in_file=[rule["check"] for rule in rules if not rule["check"].decides and not rule["check"].passed],
        rules=rules,
        teacher_known=known,
        pictures={name: Markup(svg) for name, svg in pictures.items()},
        published=PUBLISHED,
        path_of=_path,
    )


def _by_rule(checks: list[Check]) -> list[dict[str, Any]]:
    """Checks that differ in nothing but the year, together."""
    found: dict[Check, list[int]] = {}
    for check in checks:
        found.setdefault(replace(check, year=0), []).append(check.year)
    return [{"check": check, "years": _span(years)} for check, years in found.items()]


def _path(file: str) -> str:
    """model_float.onnx -> onnx/float, model.tflite -> tflite/int8, drop_in.tflite -> tflite/drop_in."""
    stem, suffix = file.rsplit(".", 1)
    return f"{suffix}/{'int8' if stem == 'model' else stem.removeprefix('model_')}"


def _range(interval: Interval | None) -> str:
    """(0.5, 0.625) -> 50.0–62.5 %."""
    return "–" if interval is None else f"{100 * interval[0]:.1f}–{100 * interval[1]:.1f} %"


def _span(years: list[int]) -> str:
    """2022 to 2025, or the years one by one where some are missing."""
    if len(years) > 2 and years == list(range(years[0], years[-1] + 1)):
        return f"{years[0]} to {years[-1]}"
    return _list(years)


def _list(years: list[int]) -> str:
    *first, last = map(str, years)
    return f"{', '.join(first)} and {last}" if first else last
