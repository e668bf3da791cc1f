"""Runs that differ in nothing but their seed: what they reach together, and what sets them apart from others."""

import json
import re
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from train.report.runs import FIGURES, TrainingRun

OWN = ("seed", "out")
"""Fields of a recipe that repetitions may differ in."""
OF_ARCHITECTURE = ("model", "mel")
"""Sections whose fields mean something only within one architecture."""


@dataclass(frozen=True)
class Spread:
    """One figure over the seeds."""

    mean: float
    deviation: float
    """Sample standard deviation."""
    least: float
    most: float
    n: int


@dataclass(frozen=True)
class Group:
    """Runs that differ in nothing but their seed; often one alone."""

    name: str
    runs: list[TrainingRun]

    @property
    def shown(self) -> TrainingRun:
        """The first that is finished, if one is: what stands for all of them."""
        return next((run for run in self.runs if run.finished), self.runs[0])

    def spread(self, figure: str) -> Spread | None:
        """Of one of FIGURES, over the finished runs; None with fewer than two of them."""
        values = [run.figures[figure] for run in self.runs if run.finished and figure in run.figures]
        if len(values) < 2:
            return None
        return Spread(statistics.fmean(values), statistics.stdev(values), min(values), max(values), len(values))

    def to_dict(self) -> dict[str, Any]:
        """All of it in plain values."""
        spreads = {figure: spread for figure in FIGURES if (spread := self.spread(figure)) is not None}
        spread = {figure: asdict(one) for figure, one in spreads.items()}
        return {"name": self.name, "runs": [run.to_dict() for run in self.runs], "spread": spread}


def grouped(runs: Sequence[TrainingRun]) -> list[Group]:
    """Runs of one recipe with seeds of their own put together, in the order of the first of each.

    So are students whose teachers differ in nothing but their seeds.
    """
    alike: dict[str, list[TrainingRun]] = {}
    for run in runs:
        shared = _without_own(run.recipe or {})
        if run.teacher is not None:  # repetitions may have repeated teachers
            shared["teacher"] = _without_own(run.teacher)
        key = run.name if run.recipe is None else json.dumps(shared, sort_keys=True, default=str)
        alike.setdefault(key, []).append(run)
    groups: list[Group] = []
    for members in alike.values():
        seeds = {None if run.recipe is None else run.recipe.get("seed") for run in members}
        repeated = len(seeds) == len(members)  # else what repeats a seed differs in what no recipe says
        groups += [Group(_name(members), members)] if repeated else [Group(run.name, [run]) for run in members]
    names = [group.name for group in groups]
    return [group if names.count(group.name) == 1 else Group(_listed(group.runs), group.runs) for group in groups]


def _without_own(recipe: dict[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in recipe.items() if field not in OWN}


def differences(groups: Sequence[Group]) -> dict[str, list[Any]]:
    """Field of the recipes -> its value in each group, for fields that are not the same in all that have a recipe.

    A section that some of them lack, as other commands have others, counts as one field with the value "given"; where
    architectures differ, the sections that belong to them are left out.
    """
    recipes = [group.runs[0].recipe for group in groups]
    known = [recipe for recipe in recipes if recipe is not None]
    sections = [{field.split(".")[0] for field in recipe} for recipe in known]
    shared = set.intersection(*sections) if sections else set()
    several = len({recipe["architecture"] for recipe in known if "architecture" in recipe}) > 1
    out = (*OWN, *OF_ARCHITECTURE) if several else OWN
    sections_of = {field: field.split(".")[0] for recipe in known for field in recipe}
    fields = {field: section for field, section in sections_of.items() if field not in out and section not in out}
    named = dict.fromkeys(field if section in shared else section for field, section in fields.items())

    def value(recipe: dict[str, Any] | None, name: str) -> Any:
        if recipe is None or name in recipe:
            return None if recipe is None else recipe[name]
        return "given" if any(field.startswith(f"{name}.") for field in recipe) else None

    found = {name: [value(recipe, name) for recipe in recipes] for name in named}
    return {name: of for name, of in found.items() if any(value(one, name) != value(known[0], name) for one in known)}


def _name(runs: Sequence[TrainingRun]) -> str:
    """What names of repetitions have in common, kd-0, kd-1 -> kd; all of them where that is nothing."""
    stems = {re.sub(r"[-_.]?(seed)?[-_]?\d+$", "", run.name) for run in runs}
    return (stems.pop() if len(runs) > 1 and len(stems) == 1 else "") or _listed(runs)


def _listed(runs: Sequence[TrainingRun]) -> str:
    return ", ".join(run.name for run in runs)
