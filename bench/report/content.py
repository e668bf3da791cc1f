"""What `report.json` holds (format 2, schema.json): the rooms' findings put together.

sentence    the verdict in words
figures     every number by its path, such as "accuracy/tflite/int8/macro"; value, unit, how, source, interval
subject     what is judged (`bench.measure.subject`)
verdict     limits, what is over, and what costs most (`bench.measure.compliance.findings.content`)
layers      the headline file operation by operation (`bench.measure.graph.cost.Layer`)
accuracy    `bench.measure.accuracy.findings.content`, and drop_ins (`bench.measure.accuracy.drop_ins.content`); null without data
latency, memory, energy    each as its room's `content` says; energy is null if it was not asked for
targets     results of other machines, emulated and real (`bench.boards.device.result`)
model, data, lineage, machine, parity    the run's model card, the data set, the runs before, where it was judged,
            and the proof of equality that came with the export
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bench.boards.device import result
from bench.measure.accuracy import drop_ins
from bench.measure.accuracy import findings as accuracy
from bench.measure.compliance import findings as verdict
from bench.measure.energy import findings as energy
from bench.measure.energy.meter import Metered
from bench.measure.figure import MEASURED, QUOTED, Figure, path_of
from bench.measure.graph import cost as graph_cost
from bench.measure.judge import Judgement
from bench.measure.latency import content as latency
from bench.measure.memory import findings as memory
from bench.report.document import FORMAT
from tinyasc.artifact import ModelCard

TARGET, METER = "target/", "energy/meter"
"""Paths of the figures of targets and of power meters begin so."""


def assemble(judged: Judgement, made: str, command: str) -> dict[str, Any]:
    """The content of report.json, without targets.

    Args:
        judged: what was found out on this machine.
        made: when, ISO 8601.
        command: by which command line.
    """
    subject, card = judged.subject, judged.subject.card
    parity = None if card is None else subject.files[subject.headline].path.with_name("parity.json")
    held = verdict.content(judged.verdict)
    costs = {name: graph_cost.read(subject.files[name].path) for name in judged.latency.profiles}
    answered = None
    if judged.accuracy is not None:
        answered = {**accuracy.content(judged.accuracy), "drop_ins": drop_ins.content(judged.same_answers)}
    return {
        "format": FORMAT,
        "made": made,
        "command": command,
        "sentence": _sentence(judged, held["words"]),
        "figures": {name: figure.to_dict() for name, figure in _figures(judged).items()},
        "subject": subject.content(),
        "verdict": held,
        "layers": [{**asdict(layer), "constant_bytes": layer.constant_bytes} for layer in judged.verdict.cost.layers],
        "accuracy": answered,
        "latency": latency.content(judged.latency, costs),
        "memory": memory.content(judged.memory),
        "energy": None if judged.energy is None else energy.content(judged.energy),
        "targets": [],
        "model": None if card is None else _model(card),
        "data": judged.data,
        "lineage": [] if card is None else card.lineage,
        "machine": asdict(judged.machine),
        "parity": json.loads(parity.read_text()) if parity is not None and parity.is_file() else None,
    }


def with_targets(content: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The same report with these results of targets in the place of those it had."""
    own = {path: figure for path, figure in content["figures"].items() if not path.startswith(TARGET)}
    paths = {file: path_of(file) for file in content["subject"]["files"]}
    for one in results:
        own |= {path: figure.to_dict() for path, figure in result.figures(one, paths).items()}
    return {**content, "figures": own, "targets": list(results)}


def with_meter(content: Mapping[str, Any], metered: Sequence[Metered]) -> dict[str, Any]:
    """The same report with the energy of targets by a power meter, in the place of what it had of that."""
    found = energy.Findings(None, tuple(metered), None)
    own = content["energy"] or energy.content(found)
    figures = {path: figure for path, figure in content["figures"].items() if not path.startswith(METER)}
    figures |= {path: figure.to_dict() for path, figure in energy.figures(found, path_of).items()}
    return {**content, "figures": figures, "energy": {**own, "meter": energy.content(found)["meter"]}}


def _figures(judged: Judgement) -> dict[str, Figure]:
    card = judged.subject.card
    found = {} if card is None else _quoted(card)
    for name, file in judged.subject.files.items():
        found[f"size/{path_of(name)}"] = Figure(file.bytes, "bytes", MEASURED, name)
    found |= verdict.figures(judged.verdict, path_of)
    if judged.accuracy is not None:
        found |= accuracy.figures(judged.accuracy, path_of) | drop_ins.figures(judged.same_answers)
    found |= latency.figures(judged.latency, path_of, judged.machine.cpu)
    found |= memory.figures(judged.memory, path_of)
    return found | ({} if judged.energy is None else energy.figures(judged.energy, path_of))


def _quoted(card: ModelCard) -> dict[str, Figure]:
    """Of the runs before the export, from their model cards."""
    found = {}
    for entry in card.lineage:
        scored, cost, source = entry.get("accuracy") or {}, entry.get("cost") or {}, entry["stage"]
        source = f"model card of the {source} run"
        for name, unit in (("macro", "fraction"), ("log_loss", "nats")):
            found[f"accuracy/{entry['stage']}/{name}"] = Figure(scored.get(name), unit, QUOTED, source)
        for name, unit in (("macs", "MACs"), ("parameters", "parameters")):
            found[f"cost/{entry['stage']}/{name}"] = Figure(cost.get(name), unit, QUOTED, source)
    return found


def _model(card: ModelCard) -> dict[str, Any]:
    return {key: value for key, value in asdict(card).items() if key not in ("lineage", "accuracy")}


def _sentence(judged: Judgement, fits: str) -> str:
    """The verdict in one sentence."""
    subject = judged.subject
    name = f"{subject.name}" if subject.card is None else "The INT8 model"
    if judged.accuracy is None or judged.data is None:
        return f"{name} {fits}; how well it hears was not measured, as no data set was given."
    macro = judged.accuracy.scores[subject.headline].macro
    where = "made-up test recordings" if judged.data["made_up"] else "the test recordings"
    reached = f"{name} {fits} and reaches {100 * macro:.1f} % macro accuracy on {where}"
    if subject.reference is None:
        return f"{reached}."
    lost = 100 * (judged.accuracy.scores[subject.reference].macro - macro)
    beside = "as much as" if abs(lost) < 0.05 else f"{abs(lost):.1f} points {'below' if lost > 0 else 'above'}"
    return f"{reached}, {beside} its float twin."
