"""output.csv, a row for each file of the evaluation set: its scene and the probability of each scene, tab separated.

And the check of a whole submission, its files together, by the rules of its year.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bench.challenge import meta
from bench.challenge.forms import COLUMNS, LABEL, Form
from bench.challenge.yaml_lines import Problem
from tinyasc.clips import Clips
from tinyasc.dcase import SCENES
from tinyasc.errors import UserError

META = ".meta.yaml"
SUM_TOLERANCE = 0.005
"""How far from 1 the probabilities of a row may sum: ten of them, rounded to three digits. The organisers' own check
looks at no sum; a row that is farther off holds something else than probabilities."""


def text(files: Sequence[str], probabilities: np.ndarray, labels: list[str]) -> str:
    """The content of an output.csv.

    Args:
        files: (n,) names; folders before them are left out, as the challenge does.
        probabilities: float64 (n, K).
        labels: K class names in the order of the probabilities: the ten scenes, in any order.
    """
    columns = [labels.index(scene) for scene in SCENES]
    answers: list[str] = [labels[best] for best in probabilities.argmax(axis=1).tolist()]
    rows = ["\t".join(COLUMNS)]
    for file, answer, row in zip(files, answers, probabilities[:, columns], strict=True):
        rows.append("\t".join([base(file), answer, *(f"{value:.9g}" for value in row)]))
    return "\n".join(rows) + "\n"


def check(files: Mapping[str, str], form: Form, evaluation: Sequence[str] | None) -> list[Problem]:
    """Everything that is wrong with one submission.

    Args:
        files: text by file name: the output.csv of each model, and the meta.yaml.
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
    wanted, alone = list(form.outputs(label).values()), f"{label}.output.csv"
    if alone in files and not any(name in files for name in wanted):
        wanted = [alone]  # 2024: one entry by itself, which the organisers' validator takes as well
    outputs = [name for name in files if name not in metas]
    for name in [name for name in outputs if name not in wanted]:
        problems.append(Problem(name, None, f"does not belong to {metas[0]}: {form.year} asks for {', '.join(wanted)}"))
    for name in wanted:
        if name not in files:
            problems.append(Problem(name, None, "is missing: add it"))
    for name in outputs:
        problems += check_output(name, files[name], answered)
    return problems + meta.check(metas[0], files[metas[0]], form, label)


def files_of(path: Path) -> list[str]:
    """Names of the files of an evaluation set.

    Args:
        path: its table of files, tab separated, with a column filename; or the prepared set: its test clips are meant.

    Raises:
        UserError: it is neither.
    """
    if path.suffix == ".h5":
        with Clips(path) as clips:
            return [clips.files[clip] for clip in clips.indices("test")]
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            names = [row.get("filename") or "" for row in csv.DictReader(file, delimiter="\t")]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"{path} cannot be read as a table of files ({error}): give fold1_test.csv, or an .h5"
        ) from None
    if not all(names) or not names:
        raise UserError(f"{path} has no column filename, or empty cells in it: give fold1_test.csv of the set")
    return names


def check_output(name: str, content: str, files: Sequence[str] | None) -> list[Problem]:
    """Everything that is wrong with an output.csv.

    Args:
        name: of the file, for the problems.
        content: its text.
        files: names of the files that must be answered, each once; none: not known, so not checked.
    """
    rows = csv.reader(io.StringIO(content), delimiter="\t")
    expected = None if files is None else dict.fromkeys(map(base, files))
    first_line: dict[str, int] = {}
    problems: list[Problem] = []
    try:
        header = next(rows, [])
        if problems := _check_header(name, header):
            return problems
        for row in rows:
            problems += [Problem(name, rows.line_num, what) for what in _check_row(header, row)]
            if row:
                file = base(row[header.index("filename")] if len(row) == len(header) else row[0])
                before = first_line.setdefault(file, rows.line_num)
                if before != rows.line_num:
                    problems.append(Problem(name, rows.line_num, f"{file} stands in line {before} too: remove one"))
                elif expected is not None and file.endswith(".wav") and file not in expected:
                    problems.append(Problem(name, rows.line_num, f"{file} is not one of {_named(files)}: remove it"))
    except csv.Error as error:
        problems.append(Problem(name, rows.line_num, f"is no row of tab separated values ({error})"))
    missing = [file for file in expected or () if file not in first_line]
    if expected is not None and missing:
        what = f"has no answer to {len(missing):,} of {_named(files)}, the first is {missing[0]}: add a row to each"
        problems.append(Problem(name, None, what))
    return problems


def base(file: str) -> str:
    """The name without folders."""
    return file.rpartition("/")[2]


def _named(files: Sequence[str] | None) -> str:
    files = files or []
    span = f" ({base(files[0])} to {base(files[-1])})" if files else ""
    return f"the {len(files):,} files of the evaluation set{span}"


def _check_header(name: str, header: list[str]) -> list[Problem]:
    wanted = f"the first line names the columns {', '.join(COLUMNS)}, separated by tabs"
    if not header:
        return [Problem(name, 1, f"the file is empty: {wanted}")]
    if sorted(header) == sorted(COLUMNS):
        return []
    missing = [column for column in COLUMNS if column not in header]
    surplus = [column for column in header if column not in COLUMNS]
    surplus += [column for column in COLUMNS if header.count(column) > 1]
    parts = [f"lacks {', '.join(missing)}"] * bool(missing)
    parts += [f"has {', '.join(map(repr, surplus))} too much"] * bool(surplus)
    return [Problem(name, 1, f"the header {' and '.join(parts)}: {wanted}")]


def _check_row(header: list[str], row: list[str]) -> list[str]:
    if not row:
        return ["is empty: remove the line"]
    if len(row) != len(header):
        return [f"has {len(row)} fields instead of {len(header)}: give one to each column, separated by tabs"]
    fields = dict(zip(header, row, strict=True))
    found = []
    if not fields["filename"].endswith(".wav"):
        found.append(f"{fields['filename']!r} is no .wav file: give the name as the evaluation set has it")
    if fields["scene_label"] not in SCENES:
        found.append(f"{fields['scene_label']!r} is no scene: choose from {', '.join(SCENES)}")
    values = {scene: _probability(fields[scene]) for scene in SCENES}
    wrong = [scene for scene, value in values.items() if value is None]
    found += [f"{scene} is {fields[scene]!r}: give a probability from 0 to 1" for scene in wrong]
    total = sum(value for value in values.values() if value is not None)
    if not wrong and abs(total - 1) > SUM_TOLERANCE:
        found.append(f"the probabilities sum to {total:.4g}: they must sum to 1")
    return found


def _probability(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and 0 <= value <= 1 else None
