"""meta.yaml: who submits what, how much it costs and how well it does, checked field by field.

The organisers' rules ask for fields by name and for numbers; beside them a system must keep to the year's limits, and
what a template left to fill in must be filled in.
"""

import re
from collections.abc import Sequence

from bench.challenge import yaml_lines
from bench.challenge.forms import (
    AUTHOR,
    COMPLEXITY,
    EXTERNAL_DATASET,
    FILL_IN,
    LABEL,
    LONGEST_ABBREVIATION,
    SCORES,
    SUBMISSION,
    TOP,
    Form,
)
from bench.challenge.yaml_lines import Problem, Value
from tinyasc.dcase import DEVICES, LIMITS, SCENES

_NUMBER_AND_UNIT = re.compile(r"\s*\d[\d.,_]*(e[+-]?\d+)?\s*[a-zA-Z]*\s*")


def check(name: str, content: str, form: Form, label: str | None) -> list[Problem]:
    """Everything that is wrong with a meta.yaml, by line.

    Args:
        name: of the file, for the problems.
        content: its text.
        form: of the year.
        label: that it must have, as the file names have it; none: any.
    """
    top = yaml_lines.read(name, content)
    if isinstance(top, Problem):
        return [top]
    checker = _Checker(name, form)
    blocks = checker.fields(top, TOP)
    if "submission" in blocks:
        checker.submission(blocks["submission"], SUBMISSION, label)
    if "system" in blocks:
        fields = checker.system(blocks["system"], form.system)
        if "complexity" in fields:
            checker.complexity(fields["complexity"])
    if "results" in blocks and (found := checker.fields(blocks["results"], ("development_dataset",))):
        checker.results(found["development_dataset"])
    return checker.done(top)


def check_own_part(name: str, content: str, form: Form, label: str) -> list[Problem]:
    """What is wrong with the part that a person writes: all but complexity and results; it may have the label."""
    top = yaml_lines.read(name, content)
    if isinstance(top, Problem):
        return [top]
    checker = _Checker(name, form)
    blocks = checker.fields(top, ("submission", "system"))
    if "submission" in blocks:
        own = SUBMISSION[0 if "label" in blocks["submission"].fields else 1 :]
        checker.submission(blocks["submission"], own, label)
    if "system" in blocks:
        checker.system(blocks["system"], [field for field in form.system if field != "complexity"])
        complexity = blocks["system"].fields.get("complexity")
        if complexity is not None and not complexity.null:
            checker.add(complexity, "system.complexity is measured: leave it out")
    return checker.done(top)


class _Checker:
    """Collects the problems of one file."""

    def __init__(self, name: str, form: Form) -> None:
        self.name = name
        self.form = form
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

    def fields(self, block: Value, wanted: Sequence[str]) -> dict[str, Value]:
        """The wanted fields that a block has; what it lacks is a problem."""
        place = block.path or "the file"
        if not block.fields:
            self.add(block, f"{place} is no block of fields: it needs {', '.join(wanted)}")
            return {}
        for repeated in block.repeated():
            self.add(repeated, f"{repeated.path} stands there twice: remove one")
        if missing := [field for field in wanted if field not in block.fields]:
            self.add(block, f"{place} lacks {', '.join(missing)}: add {'it' if len(missing) == 1 else 'them'}")
        return {field: block.fields[field] for field in wanted if field in block.fields}

    def answered(self, block: Value, wanted: Sequence[str]) -> dict[str, Value]:
        """The wanted fields that a block has, none of which may be empty."""
        fields = self.fields(block, wanted)
        for value in fields.values():
            if value.null:
                self.add(value, f"{value.path} is empty: give it")
        return fields

    def submission(self, block: Value, wanted: Sequence[str], label: str | None) -> None:
        fields = self.answered(block, wanted)
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
            self.answered(author, AUTHOR)
        corresponding = [author for author in value.items if (c := author.fields.get("corresponding")) and c.true]
        if len(corresponding) != 1:
            what = f"{len(corresponding)} corresponding authors: mark exactly one with corresponding: true"
            self.add(corresponding[1] if corresponding else value, f"submission.authors has {what}")

    def system(self, block: Value, wanted: Sequence[str]) -> dict[str, Value]:
        fields = self.fields(block, wanted)
        if "inference_code" in fields and fields["inference_code"].null:
            self.add(fields["inference_code"], "system.inference_code is empty: give its address")
        if "description" in fields:
            self.fields(fields["description"], list(self.form.description))
        datasets = fields.get("external_datasets")
        if datasets is not None and not datasets.null:
            if not datasets.items:
                self.add(datasets, "system.external_datasets is no list: give a list, or nothing at all")
            for dataset in datasets.items:
                self.fields(dataset, EXTERNAL_DATASET)
        return fields

    def complexity(self, block: Value) -> None:
        fields, year = self.fields(block, COMPLEXITY), self.form.year
        for field, value in fields.items():
            if field == "total_parameters" and not re.fullmatch(r"\d+", value.text or ""):
                self.add(value, f"{value.path} is {value.text!r}: give a whole number, without a unit")
            elif not _NUMBER_AND_UNIT.fullmatch(value.text or ""):
                self.add(value, f"{value.path} is {value.text!r}: give a number")
        for field, limit, unit in (
            ("macs", LIMITS[year].macs, "multiply-accumulates"),
            ("total_model_size", LIMITS[year].parameter_bytes, "bytes"),
        ):
            number = fields[field].number if field in fields else None
            if limit is not None and number is not None and number > limit:
                self.add(fields[field], f"{fields[field].path} is {number:,.0f}: {year} allows {limit:,} {unit}")

    def results(self, block: Value) -> None:
        wanted = self.form.models
        if self.form.further_results:
            possible = (*wanted, *self.form.further_results)
            wanted = tuple(part for part in possible if (v := block.fields.get(part)) and not v.null) or wanted
        for part in self.fields(block, wanted).values():
            fields = self.fields(part, ("overall", "class_wise", "device_wise"))
            if "overall" in fields:
                self._scores(fields["overall"])
            for name, members in (("class_wise", SCENES), ("device_wise", DEVICES)):
                if name in fields:
                    for member in self.fields(fields[name], members).values():
                        self._scores(member)

    def _scores(self, block: Value) -> None:
        for field, value in self.fields(block, SCORES).items():
            if value.null and self.form.further_results:
                continue
            if value.number is None:
                self.add(value, f"{value.path} is {value.text!r}: give a number")
            elif value.number < 0 or (field == "accuracy" and value.number > 100):
                self.add(value, f"{value.path} is {value.text}: accuracies are 0 to 100 %, log losses 0 or more")
