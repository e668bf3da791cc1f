"""Puts together the report of what was found out on this machine, and adds targets and power meters to it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from bench.boards.device.result import TargetResult
from bench.measure.energy import findings as energy
from bench.measure.energy.findings import Energies
from bench.measure.energy.meter import Metered
from bench.measure.figure import QUOTED, Origin
from bench.measure.judge import Judgement
from bench.report.document import Ancestor, Parity, Report
from tinyasc.artifact import ModelCard
from tinyasc.errors import UserError


def assemble(judged: Judgement, made: str, command: str) -> Report:
    """The report, without targets.

    Args:
        judged: what was found out on this machine.
        made: when, ISO 8601.
        command: by which command line.
    """
    subject = judged.subject
    parity = None if subject.card is None else subject.paths[subject.model.primary].with_name("parity.json")
    return Report(
        made=made,
        command=command,
        sentence=_sentence(judged),
        lineage=[] if subject.card is None else _lineage(subject.card),
        model=subject.model,
        compliance=judged.compliance,
        layers=judged.layers,
        accuracy=judged.accuracy,
        latency=judged.latency,
        memory=judged.memory,
        energy=judged.energy,
        targets=[],
        card=None if subject.card is None else replace(subject.card, accuracy={}, lineage=[]),
        data=judged.data,
        machine=judged.machine,
        parity=_parity(parity) if parity is not None and parity.is_file() else None,
    )


def with_targets(report: Report, results: Sequence[TargetResult]) -> Report:
    """The same report with these results of targets in the place of those it had."""
    return replace(report, targets=list(results))


def with_meter(report: Report, metered: Sequence[Metered]) -> Report:
    """The same report with the energy of targets by a power meter, in the place of what it had of that."""
    own = report.energy or Energies(None, None, [])
    return replace(report, energy=replace(own, meter=energy.of_meter(metered)))


def _lineage(card: ModelCard) -> list[Ancestor]:
    """The runs before the export, from their model cards."""
    found = []
    for entry in card.lineage:
        scored, cost, stage = entry.get("accuracy") or {}, entry.get("cost") or {}, entry["stage"]
        source = f"model card of the {stage} run"
        answered, counted = (Origin(f"{part}/{stage}", source, QUOTED).figure for part in ("accuracy", "cost"))
        found.append(
            Ancestor(
                stage=stage,
                architecture=entry.get("architecture"),
                macro=answered("macro", scored.get("macro"), "fraction"),
                log_loss=answered("log_loss", scored.get("log_loss"), "nats"),
                macs=counted("macs", cost.get("macs"), "MACs"),
                parameters=counted("parameters", cost.get("parameters"), "parameters"),
            )
        )
    return found


def _parity(path: Path) -> Parity:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Parity)
    except msgspec.DecodeError as error:
        raise UserError(
            f"{path} is not the parity.json of an export: {error}: make it again with `make export`"
        ) from error


def _sentence(judged: Judgement) -> str:
    """The verdict in one sentence."""
    subject = judged.subject
    fits = f"{subject.model.name if subject.card is None else 'The INT8 model'} {judged.compliance.words}"
    if judged.accuracy is None or judged.data is None:
        return f"{fits}; how well it hears was not measured, as no data set was given."
    macro = judged.accuracy.files[subject.model.primary].whole.macro.value or 0.0
    where = "made-up test recordings" if judged.data.made_up else "the test recordings"
    reached = f"{fits} and reaches {100 * macro:.1f} % macro accuracy on {where}"
    if subject.model.reference is None:
        return f"{reached}."
    lost = 100 * ((judged.accuracy.files[subject.model.reference].whole.macro.value or 0.0) - macro)
    beside = "as much as" if abs(lost) < 0.05 else f"{abs(lost):.1f} points {'below' if lost > 0 else 'above'}"
    return f"{reached}, {beside} its float twin."
