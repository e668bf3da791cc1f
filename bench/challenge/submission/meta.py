"""meta.yaml: who submits what, how much it costs and how well it does, checked field by field.

The organisers' rules ask for fields by name and for numbers; beside them a system must keep to the year's limits, and
what a template left to fill in must be filled in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bench.challenge.submission import located
from bench.challenge.submission.forms import (
    AUTHOR,
    EXTERNAL_DATASET,
    LABEL,
    LONGEST_ABBREVIATION,
    SCORES,
    SUBMISSION,
    TOP,
    Form,
)
from bench.challenge.submission.located import Value
from bench.challenge.submission.problem import Problem
from tinyasc.dcase import DEVICES, LIMITS, SCENES

FILL_IN = "FILL IN"
"""What a template has in the place of the answers."""
_NUMBER_AND_UNIT = re.compile(r"\s*\d[\d.,_]*(e[+-]?\d+)?\s*[a-zA-Z]*\s*")


def check(name: str, content: str, form: Form, label: str | None) -> list[Problem]:
    """Everything that is wrong with a meta.yaml, by line.

    Args:
        name: of the file, for the problems.
        content: its text.
        form: of the year.
        label: that it must have, as the file names have it; none: any.
    """
    top = located.read(name, content)
    if isinstance(top, Problem):
        return [top]
    checker = _Checker(name)
    blocks = checker.fields(top, TOP)
    if "submission" in blocks:
        checker.submission(blocks["submission"], SUBMISSION, label)
    if "system" in blocks:
        fields = checker.system(blocks["system"], form, form.system)
        if "complexity" in fields:
            checker.complexity(fields["complexity"], form)
    if "results" in blocks and (found := checker.fields(blocks["results"], ("development_dataset",))):
        checker.results(found["development_dataset"], form)
    return checker.done(top)


def check_own_part(name: str, content: str, form: Form, label: str) -> list[Problem]:
    """What is wrong with the part that a person writes: all but complexity and results; it may have the label."""
    top = located.read(name, content)
    if isinstance(top, Problem):
        return [top]
    checker = _Checker(name)
    blocks = checker.fields(top, ("submission", "system"))
    if "submission" in blocks:
        own = SUBMISSION[0 if "label" in blocks["submission"].fields else 1 :]
        checker.submission(blocks["submission"], own, label)
    if "system" in blocks:
        wanted = [field for field in form.system if field != "complexity" or form.own_complexity]
        checker.system(blocks["system"], form, wanted)
        complexity = blocks["system"].fields.get("complexity")
        if complexity is not None and not complexity.null:
            checker.fields(complexity, form.own_complexity)
    return checker.done(top)


class _Checker:
    """Collects the problems of one file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []

    def add(self, value: Value, what: str) -> None:
        """One problem, at the value's line."""
        self.problems.append(Problem(self.name, value.line, what))

    def done(self, top: Value) -> list[Problem]:
        """All of them, by line, with what is not filled in."""
        for value in top.scalars():
            if value.text == FILL_IN:
                self.add(value, f"{value.path} is not filled in")
        return sorted(self.problems, key=lambda problem: problem.line or 0)

    def fields(self, block: Value, wanted: Iterable[str]) -> dict[str, Value]:
        """The wanted fields that a block has; what it lacks is a problem."""
        wanted = list(wanted)
        place = block.path or "the file"
        if not block.fields:
            advice = f"it needs {', '.join(wanted)}" if wanted else "leave it out"
            self.add(block, f"{place} is no block of fields: {advice}")
            return {}
        for repeated in block.repeated():
            self.add(repeated, f"{repeated.path} stands there twice: remove one")
        if missing := [field for field in wanted if field not in block.fields]:
            self.add(block, f"{place} lacks {', '.join(missing)}: add {'it' if len(missing) == 1 else 'them'}")
        return {field: block.fields[field] for field in wanted if field in block.fields}

    def submission(self, block: Value, wanted: Sequence[str], label: str | None) -> None:
        fields = self.fields(block, wanted)
        for value in fields.values():
            if value.null:
                self.add(value, f"{value.path} is empty: give it")
        if "label" in fields:
            self._label(fields["label"], label)
        if "abbreviation" in fields and len(text := fields["abbreviation"].text or "") > LONGEST_ABBREVIATION:
            self.add(
                fields["abbreviation"],
                f"submission.abbreviation {text!r} has {len(text)} characters: at most {LONGEST_ABBREVIATION}",
            )
        if "authors" in fields:
            self._authors(fields["authors"])

    def _label(self, value: Value, label: str | None) -> None:
        if not LABEL.fullmatch(value.text or ""):
            self.add(value, f"submission.label {value.text!r} is no label: write LastName_Institute_task1_1, 1 to 4")
        elif label is not None and value.text != label:
            self.add(value, f"submission.label is {value.text}, the files are named {label}: make them equal")

    def _authors(self, value: Value) -> None:
        if not value.items:
            self.add(value, f"submission.authors is no list: give each author a line of {', '.join(AUTHOR)}")
            return
        for author in value.items:
            for field in self.fields(author, AUTHOR).values():
                if field.null:
                    self.add(field, f"{field.path} is empty: give it")
        corresponding = [author for author in value.items if (c := author.fields.get("corresponding")) and c.true]
        if len(corresponding) != 1:
            what = f"{len(corresponding)} corresponding authors: mark exactly one with corresponding: true"
            self.add(corresponding[1] if corresponding else value, f"submission.authors has {what}")

    def system(self, block: Value, form: Form, wanted: Sequence[str]) -> dict[str, Value]:
        fields = self.fields(block, wanted)
        if "description" in fields:
            self.fields(fields["description"], form.description)
        if "energy_consumption" in fields:
            self._numbers(fields["energy_consumption"], form.energy)
        datasets = fields.get("external_datasets")
        if datasets is not None and not datasets.null:
            if not datasets.items:
                self.add(datasets, "system.external_datasets is no list: give a list, or nothing at all")
            for dataset in datasets.items:
                self.fields(dataset, EXTERNAL_DATASET)
        return fields

    def complexity(self, block: Value, form: Form) -> None:
        fields, limits = self.fields(block, form.complexity), LIMITS[form.year]
        whole = fields.get("total_parameters")
        if whole is not None and not re.fullmatch(r"\d+", whole.text or ""):
            self.add(whole, f"{whole.path} is {whole.text!r}: give a whole number, without a unit")
        for value in fields.values():
            if value is not whole and not _NUMBER_AND_UNIT.fullmatch(value.text or ""):
                self.add(value, f"{value.path} is {value.text!r}: give a number")
        for field, limit, unit in (
            ("macs", limits.macs, "multiply-accumulates"),
            ("total_model_size", limits.parameter_bytes, "bytes"),
            ("total_parameters", limits.parameters, "parameters"),
        ):
            number = fields[field].number if field in fields else None
            if limit is not None and number is not None and number > limit:
                self.add(fields[field], f"{fields[field].path} is {number:,.0f}: {form.year} allows {limit:,} {unit}")

    def results(self, block: Value, form: Form) -> None:
        parts = self.fields(block, form.splits).values() if form.splits else [block]
        for part in parts:
            fields = self.fields(part, ("overall", "class_wise", "device_wise"))
            if "overall" in fields:
                self._numbers(fields["overall"], SCORES)
            for name, members in (("class_wise", SCENES), ("device_wise", DEVICES)):
                if name in fields:
                    for member in self.fields(fields[name], members).values():
                        self._numbers(member, SCORES)

    def _numbers(self, block: Value, wanted: Sequence[str]) -> None:
        for value in self.fields(block, wanted).values():
            if value.number is None:
                self.add(value, f"{value.path} is {value.text!r}: give a number")
            elif value.number < 0 or (value.path.endswith(".accuracy") and value.number > 100):
                self.add(value, f"{value.path} is {value.text}: accuracies are 0 to 100 %, log losses 0 or more")
