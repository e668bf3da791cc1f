"""A submission put together: the texts of its files, and the .zip that the organisers take."""

import io
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bench.challenge.submission import output
from bench.challenge.submission.check import META, names
from bench.challenge.submission.forms import MEMORY_USE, Form
from bench.challenge.submission.system import System, complexity, logits, need_fitting, probabilities, results
from tinyasc.clips import Clips
from tinyasc.errors import UserError


def by_split(systems: Sequence[System], form: Form) -> dict[str, System]:
    """Which system stands for which split of the year; "" where the year has one model.

    Raises:
        UserError: too many or too few systems, or one trained on something else than the year's subsets.
    """
    if not form.splits:
        if len(systems) != 1:
            raise UserError(f"{form.year} takes one model a submission, not {len(systems)}: give --model one run")
        return {"": systems[0]}
    found: dict[str, System] = {}
    for system in systems:
        split = f"split_{system.subset}"
        if split not in form.splits:
            raise UserError(f"{system.run} was not trained on a subset of {form.year}: {', '.join(form.splits)}")
        if split in found:
            raise UserError(f"{system.run} and {found[split].run} were both trained on {split}: give one of them")
        found[split] = system
    if missing := [split for split in form.splits if split not in found]:
        raise UserError(
            f"{form.year} takes a model of each subset, {', '.join(missing)} not given: train with --examples.subset "
            "split5 and so on, and give all runs to --model"
        )
    return {split: found[split] for split in form.splits}


def texts(
    label: str, form: Form, systems: Mapping[str, System], own: dict[str, Any], *, data: Clips, evaluation: Clips | None
) -> dict[str, str]:
    """The files of a submission by name: each output.csv, and the meta.yaml.

    Where there are several models, the largest count of each stands for the system, as each must keep to the limits.

    Args:
        label: of the submission.
        form: of the year.
        systems: by split.
        own: what a person wrote (`template`).
        data: the development set, on whose test split the results are measured.
        evaluation: whose test clips are answered; none: the test split of the development set.
    """
    asked = data if evaluation is None else evaluation
    files = [asked.files[clip] for clip in asked.indices("test")]
    _need_single(asked, files)
    for system in systems.values():
        need_fitting(system, data, labelled=True)
        need_fitting(system, asked, labelled=False)
    scored = logits(systems, data, data.labelled("test"))
    measured = {split: results(scored[split], data) for split in systems}
    answers = scored if evaluation is None else logits(systems, evaluation, evaluation.indices("test"))
    found = {
        name: output.text(files, probabilities(answers[split]), systems[split].card.labels)
        for split, name in names(label, form).items()
    }
    costs = [complexity(system, data.sample_rate) for system in systems.values()]
    largest = {field: max(cost[field] for cost in costs) for field in costs[0]}
    memory = {MEMORY_USE: largest["total_model_size"]} if MEMORY_USE in form.complexity else {}
    written = own["system"]
    content = {
        "submission": {"label": label} | own["submission"],
        "system": written | {"complexity": (written.get("complexity") or {}) | largest | memory},
        "results": {"development_dataset": measured if form.splits else measured[""]},
    }
    return found | {f"{label}{META}": yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)}


def packed(label: str, files: Mapping[str, str]) -> bytes:
    """The .zip, with the files where the organisers' validator looks for them: task1/LABEL/."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(f"task1/{label}/{name}")  # of a fixed date: the same files give the same bytes
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, text)
    return content.getvalue()


def _need_single(clips: Clips, files: Sequence[str]) -> None:
    counts = Counter(map(output.base, files))
    if not counts:
        raise UserError(f"{clips.path} has no test clips: prepare a folder with evaluation_setup/")
    file, count = counts.most_common(1)[0]
    if count > 1:
        raise UserError(f"{clips.path} has {count} test clips of {file}: output.csv has one row a file of one second")


def own_part(path: Path) -> dict[str, Any]:
    """What a person wrote, once it is checked (`meta.check_own_part`).

    Raises:
        UserError: a value in it that is no plain YAML, such as a tag of another program or a date that there is not.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}): write plain text and numbers") from None
