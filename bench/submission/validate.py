"""Command: check a submission that is already written, yours or another's.

python -m bench.submission.validate Lee_KU_task1_1.output.csv Lee_KU_task1_1.meta.yaml
"""

import zipfile
from pathlib import Path

from bench.challenge.forms import form_of
from bench.challenge.output import check, files_of
from bench.challenge.yaml_lines import Problem, show
from tinyasc import recipe
from tinyasc.errors import UserError


def validate(*files: Path, year: int = 2025, evaluation: Path | None = None) -> None:
    """Check output.csv and meta.yaml by the organisers' rules, line by line.

    Args:
        files: LABEL.output.csv (2024: LABEL.output.split_5.csv to split_100) and LABEL.meta.yaml, or a .zip of them
        year: whose rules; 2024 or 2025.
        evaluation: what must be answered: fold1_test.csv of the evaluation set, or the set prepared (.h5); default:
            the files that the year is known to have, which is known of 2024.
    """
    form = form_of(year)
    expected = None if evaluation is None else files_of(evaluation)
    problems: list[Problem] = []
    submissions = _submissions(files)
    for texts in submissions:
        problems += check(texts, form, expected)
    what = show(problems)
    if expected is None and form.files is None:
        print(f"not checked: which files the evaluation set of {year} has; give it as --evaluation")
    if problems:
        raise UserError(f"{what} by the rules of {year}: correct the lines that are named above")
    print(f"{'the submission keeps' if len(submissions) == 1 else 'the submissions keep'} to the rules of {year}")


def _submissions(files: tuple[Path, ...]) -> list[dict[str, str]]:
    """The texts of each submission by file name: those of the arguments, and of each folder of a .zip."""
    loose: dict[str, str] = {}
    packed: list[dict[str, str]] = []
    for path in files:
        if path.suffix == ".zip":
            packed += _unpacked(path)
        elif path.name in loose:
            raise UserError(f"{path} is the second file by that name: check one submission at a time")
        else:
            loose[path.name] = _decoded(path.name, path.read_bytes())
    return [*([loose] if loose else []), *packed]


def _unpacked(path: Path) -> list[dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                folder, _, base = name.rpartition("/")
                if base.endswith((".csv", ".yaml")):  # not folders, nor the technical report
                    found.setdefault(folder, {})[base] = _decoded(name, archive.read(name))
    except zipfile.BadZipFile:
        raise UserError(f"{path} is no .zip file, or damaged: make it again") from None
    if not found:
        raise UserError(f"{path} has no .csv and no .yaml: pack output and meta information of each system")
    return list(found.values())


def _decoded(name: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(f"{name}:{line}: is no UTF-8 text: write it so") from None


if __name__ == "__main__":
    raise SystemExit(recipe.run(validate))
