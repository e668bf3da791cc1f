"""What a ranking says to programs: `--out` of the command.

format      1
made        time of it, ISO 8601
command     that made it
weights     of the ranks of 2023: accuracy, memory, macs
systems     name -> team, data (what its accuracy was measured on), figures (`system.UNITS`)
rankings    year -> rule, remark, how (quoted, else estimated, where a number that it rests on is), unit of the score,
            lower_is_better;
            places and apart: lists of name, rank, score, team_rank, ranks, best first; above: name -> limits;
            unchecked: names; lacking: name -> numbers
front       macs and memory_bytes -> names of the systems that no other beats in accuracy at that cost, by cost
comparable  whether all accuracies were measured on one data set; null: a table does not say
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from bench.challenge.rank.pareto import front
from bench.challenge.rank.rules import Ranking, Weights
from bench.challenge.rank.system import System
from bench.measure.figure import ESTIMATED, MEASURED, QUOTED, Figure
from tinyasc.artifact import command_line

FORMAT = 1


def content(systems: Sequence[System], rankings: Sequence[Ranking], weights: Weights) -> dict[str, Any]:
    """The ranking as JSON has it, key by key as above."""
    return {
        "format": FORMAT,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command_line(),
        "weights": asdict(weights),
        "systems": {system.name: _system(system) for system in systems},
        "rankings": {str(ranking.year): _ranking(ranking, systems) for ranking in rankings},
        "front": {cost: front_of(systems, cost) for cost in ("macs", "memory_bytes")},
        "comparable": comparable(systems),
    }


def front_of(systems: Sequence[System], cost: str) -> list[str]:
    """Names of the systems that no other beats in accuracy at their MACs or memory, by ascending cost."""
    known = {s.name: (s.value(cost), s.value("accuracy")) for s in systems}
    points = {name: (x, y) for name, (x, y) in known.items() if x is not None and y is not None}
    names = list(points)
    return [names[place] for place in front(list(points.values()))]


def comparable(systems: Sequence[System]) -> bool | None:
    """Whether all accuracies are of one data set; none: a table does not say."""
    data = {system.data for system in systems}
    return None if None in data and len(systems) > 1 else len(data) == 1


def _system(system: System) -> dict[str, Any]:
    return {"team": system.team, "data": system.data, "figures": {n: _figure(f) for n, f in system.figures.items()}}


def _figure(figure: Figure) -> dict[str, Any]:
    """value, unit, how, source, and interval where there is one."""
    stored = {"value": figure.value, "unit": figure.unit, "how": figure.provenance, "source": figure.source}
    return stored if figure.interval is None else {**stored, "interval": figure.interval}


def _ranking(ranking: Ranking, systems: Sequence[System]) -> dict[str, Any]:
    used = [system.figures[need] for system in systems for need in ranking.rule.needs if need in system.figures]
    return {
        "rule": ranking.rule.text,
        "remark": ranking.rule.remark,
        "how": next((how for how in (QUOTED, ESTIMATED) if how in {figure.provenance for figure in used}), MEASURED),
        "unit": ranking.rule.unit,
        "lower_is_better": ranking.rule.lower,
        "places": [asdict(place) for place in ranking.places],
        "apart": [asdict(place) for place in ranking.apart],
        "above": ranking.above,
        "unchecked": ranking.unchecked,
        "lacking": ranking.lacking,
    }
