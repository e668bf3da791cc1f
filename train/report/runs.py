"""Training runs as they are compared: what is known of each, finished or not; repetitions with other seeds as one."""

import json
import re
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from tinyasc import artifact
from tinyasc.artifact import ModelCard
from tinyasc.bootstrap import Interval
from tinyasc.errors import UserError
from train.fit.history import JSON_LINES, RECIPE
from train.fit.task import partial_of

FIGURES = ("loss", "macro", "log_loss", "seen", "unseen")
"""The last epoch's loss; of the test split macro accuracy, log loss (nats), macro accuracy of two groups of devices."""
OWN = ("seed", "out")
"""Fields of a recipe that repetitions may differ in."""
OF_ARCHITECTURE = ("model", "mel")
"""Sections whose fields mean something only within one architecture."""


@dataclass(frozen=True)
class TrainingRun:
    """One run as far as it has come."""

    name: str
    recipe: dict[str, Any] | None
    """Field -> value, sections as `fit.epochs`; None: there is none, or none yet."""
    history: list[dict[str, float]]
    """One row an epoch; none where nothing was trained (an ensemble, an imported checkpoint)."""
    card: ModelCard | None
    """None: the run is not finished."""
    teacher: dict[str, Any] | None = None
    """The recipe of its teacher run; the sha256 of the teacher's card where that run is gone, has changed or has no
    recipe; None: it has no teacher, or nothing is known of it."""

    @property
    def finished(self) -> bool:
        """Whether it has its card."""
        return self.card is not None

    @property
    def accuracy(self) -> dict[str, Any]:
        """As the card has it; empty where there is none, or none of a data set that is known."""
        return self.card.accuracy if self.card is not None and self.card.data["checksum"] is not None else {}

    @property
    def objective(self) -> tuple[Any, ...]:
        """What its total loss is the sum of: only losses of equal objectives can be compared."""
        parts = {column for row in self.history for column in row if column.startswith("loss_")}
        recipe = self.recipe or {}
        used = {"distillation": recipe.get("teacher"), "adversarial": recipe.get("adversarial.weight")}
        settings = {field: value for field, value in recipe.items() if used.get(field.split(".")[0])}
        smoothing = recipe.get("label_smoothing") or 0.0
        return self.recipe is None, sorted(parts), smoothing, sorted(settings.items())

    @property
    def figures(self) -> dict[str, float]:
        """Those of FIGURES that are known."""
        known = {"loss": self.history[-1]["loss"]} if self.history else {}
        known |= {name: self.accuracy[name] for name in ("macro", "log_loss") if name in self.accuracy}
        groups = self.accuracy.get("groups", {})
        return known | {name: groups[name] for name in ("seen", "unseen") if name in groups}

    def interval(self, figure: str) -> Interval | None:
        """Of one of FIGURES, over the moments of the test split; None where there is none."""
        key = {"macro": "interval", "log_loss": "log_loss_interval"}.get(figure)
        groups = self.accuracy.get("parts", {}).get("groups", {})
        found = self.accuracy.get(key) if key else groups.get(figure, {}).get("interval")
        return None if found is None else (found[0], found[1])

    def to_dict(self) -> dict[str, Any]:
        """All of it but the history, in plain values."""
        card = self.card
        known = {} if card is None else {"stage": card.stage, "architecture": card.architecture, "cost": card.cost}
        seed, intervals = (self.recipe or {}).get("seed"), {figure: self.interval(figure) for figure in self.figures}
        row = {"name": self.name, "finished": self.finished, **known, "seed": seed, "epochs": len(self.history)}
        return row | {"figures": self.figures, "intervals": {of: ends for of, ends in intervals.items() if ends}}


def read_all(paths: Sequence[Path]) -> list[TrainingRun]:
    """Runs that can be compared, each once; those of one name are told apart by the folders above.

    Raises:
        UserError: one of them cannot be read, or has other labels or other data than one before it.
    """
    places = list(dict.fromkeys(path.resolve() for path in paths))
    found = [read(path) for path in places]
    names = [run.name for run in found]
    for number, place in enumerate(places):
        if names.count(names[number]) > 1:
            found[number] = replace(found[number], name=f"{place.parent.name}/{names[number]}")
    finished = [(run.name, run.card) for run in found if run.card is not None]
    for name, card in finished:
        first, reference = finished[0]
        if card.labels != reference.labels:
            raise UserError(
                f"{name} has the labels {', '.join(card.labels)}, {first} has others: compare runs of one set"
            )
    tested = [(name, card.data["checksum"]) for name, card in finished if card.data["checksum"] is not None]
    for name, checksum in tested:
        if checksum != tested[0][1]:
            raise UserError(f"{name} was tested on other data than {tested[0][0]}: compare runs of one data set")
    return found


def read(path: Path) -> TrainingRun:
    """A finished run, or one on its way, whose folder is `OUT.partial` in place of OUT.

    Raises:
        UserError: there is neither, or what is there is damaged.
    """
    partial = path if path.suffix == ".partial" else partial_of(path)
    finished = (path / artifact.CARD).is_file() or not (partial / JSON_LINES).is_file()
    folder, card = (path, artifact.load_card(path)) if finished else (partial, None)
    history = _history(folder / JSON_LINES) if card is None or JSON_LINES in card.files else []
    recipe = _recipe(folder / RECIPE)
    name = path.name if finished else partial.stem
    return TrainingRun(name, recipe, history, card, _teacher(folder, recipe, card))


def _teacher(path: Path, recipe: dict[str, Any] | None, card: ModelCard | None) -> dict[str, Any] | None:
    """See `TrainingRun.teacher`. A finished run's is the one in its lineage; one on its way reads what lies there."""
    named = (recipe or {}).get("teacher")
    if named is None:
        return None
    teachers = [entry["sha256"] for entry in card.lineage if entry["stage"] == "teacher"] if card else []
    for place in (Path(named), path.parent / Path(named).name):  # paths are relative to where training was started
        if not (place / artifact.CARD).is_file():
            continue
        sha256 = artifact.file_sha256(place / artifact.CARD)
        if card is None or sha256 in teachers:
            return _recipe(place / RECIPE) or {"sha256": sha256}
    return {"sha256": teachers[-1]} if teachers else None  # the last: before it come those it may be the average of


def _recipe(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        return _flat(yaml.safe_load(path.read_text()))
    except (yaml.YAMLError, AttributeError) as error:
        raise UserError(f"{path} is damaged ({error}): make the run again") from None


def _flat(section: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in section.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) and value else {f"{prefix}{name}": value}
    return found


def _history(path: Path) -> list[dict[str, float]]:
    try:
        return [json.loads(line) for line in path.read_text().splitlines()]
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}): train the run again") from None


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
