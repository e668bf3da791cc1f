"""Training runs as they are compared: what is known of each, finished or not."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    if (path / artifact.CARD).is_file() or not (partial / JSON_LINES).is_file():
        card = artifact.load_card(path)
        history = _history(path / JSON_LINES) if JSON_LINES in card.files else []
        recipe = _recipe(path / RECIPE)
        return TrainingRun(path.name, recipe, history, card, _teacher(path, recipe, card))
    recipe = _recipe(partial / RECIPE)
    return TrainingRun(partial.stem, recipe, _history(partial / JSON_LINES), None, _teacher(partial, recipe, None))


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
