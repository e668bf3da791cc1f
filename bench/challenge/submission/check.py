"""A whole submission: its files together, by the rules of its year."""

from collections.abc import Mapping, Sequence

from bench.challenge.submission import meta, output
from bench.challenge.submission.forms import LABEL, Form
from bench.challenge.submission.problem import Problem

META = ".meta.yaml"


def names(label: str, form: Form) -> dict[str, str]:
    """Split -> name of its output.csv; "" stands for the one model of a year without subsets."""
    return {split: f"{label}.output{'.' * bool(split)}{split}.csv" for split in form.splits or ("",)}


def check(files: Mapping[str, str], form: Form, evaluation: Sequence[str] | None) -> list[Problem]:
    """Everything that is wrong with one submission.

    Args:
        files: text by file name: the output.csv, or one of each subset, and the meta.yaml.
        form: of the year.
        evaluation: names of the files that must be answered; none: those of the year, where they are known.
    """
    answered = evaluation if evaluation is not None else form.evaluation_files()
    metas = [name for name in files if name.endswith(META)]
    problems: list[Problem] = []
    if len(metas) != 1:
        there = ", ".join(metas) or "none"
        return [Problem("submission", None, f"needs one LABEL{META}, there is {there}")]
    label = metas[0].removesuffix(META)
    if not LABEL.fullmatch(label):
        problems.append(Problem(metas[0], None, f"is not named LastName_Institute_task1_1{META}, 1 to 4: rename it"))
    wanted, alone = list(names(label, form).values()), f"{label}.output.csv"
    if alone in files and not any(name in files for name in wanted):
        wanted = [alone]  # 2024: one entry by itself, which the organisers' validator takes as well
    for name in [name for name in files if name not in wanted and name not in metas]:
        problems.append(Problem(name, None, f"does not belong to {metas[0]}: {form.year} asks for {', '.join(wanted)}"))
    for name in wanted:
        if name not in files:
            problems.append(Problem(name, None, "is missing: add it"))
    for name in [name for name in files if name not in metas]:
        problems += output.check(name, files[name], answered)
    return problems + meta.check(metas[0], files[metas[0]], form, label)
