"""Command: a submission to DCASE Task 1 from exported runs, written and checked.

python -m bench.submission --model RUN --data DEV.h5 --evaluation EVAL.h5 --label Lee_KU_task1_1 --meta own.yaml \\
    --out DIR
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.challenge import model as submitted
from bench.challenge import package
from bench.challenge.forms import LABEL, Form, form_of, template
from bench.challenge.meta import check_own_part
from bench.challenge.output import check
from bench.challenge.yaml_lines import Problem, show
from tinyasc import recipe
from tinyasc.artifact import atomic_write
from tinyasc.clips import Clips
from tinyasc.errors import UserError


def submit(
    *,
    model: list[Path],
    data: Path,
    label: str,
    meta: Path,
    out: Path,
    evaluation: Path | None = None,
    year: int = 2025,
) -> None:
    """Write LABEL.output.csv, LABEL.meta.yaml and LABEL.zip, and check them by the organisers' rules.

    For 2025 also the inference package that it asks for, of the run's drop-in; it is not in the .zip.

    What the INT8 .tflite files cost and how well they do is measured; who you are and what you did stands in a YAML
    file of yours. Where there is none yet, it is written to be filled in. The technical report (pdf) is yours too.

    Args:
        model: export run; for 2024 five, trained on split5, split10, split25, split50 and train or split100.
        data: prepared development set (.h5): the results are measured on its test split.
        label: LastName_Institute_task1_1, with 1 to 4 at the end.
        meta: your part of meta.yaml; written as a form if it is not there.
        out: folder for the files.
        evaluation: prepared evaluation set (.h5), with labels or without, to answer; default: the test split of data.
        year: whose form; 2024 or 2025.
    """
    form = form_of(year)
    if not LABEL.fullmatch(label):
        raise UserError(f"{label!r} is no label: give --label LastName_Institute_task1_1, with 1 to 4 at the end")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file: give --out a folder")
    _need_own_part(meta, form, label)
    models = package.by_name([submitted.load(run) for run in model], form)
    own = package.own_part(meta)
    with ExitStack() as opened:
        clips = opened.enter_context(Clips(data))
        asked = None if evaluation is None else opened.enter_context(Clips(evaluation))
        files = package.texts(label, form, models, own, data=clips, evaluation=asked)
        answered = asked or clips
        expected = [answered.files[clip] for clip in answered.indices("test")]
    _stop_at(check(files, form, expected), "nothing was written")
    content = {name: text.encode() for name, text in files.items()} | {f"{label}.zip": package.packed(label, files)}
    if form.inference_code:
        only = models[form.models[0]]
        inference = package.inference_files(label, only, submitted.complexity(only, clips.sample_rate))
        content |= inference
        if not inference:
            print(f"no inference package: {only.run} has no {package.DROP_IN}, or takes waveforms")
    for name, bytes_ in content.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        atomic_write(out / name, bytes_)
    wanted = form.evaluation_files()
    if evaluation is None:
        print(f"a rehearsal: it answers the test split of {data}; give the evaluation set as --evaluation")
    elif wanted is not None and {Path(file).name for file in expected} != set(wanted):
        print(f"{evaluation} is not the evaluation set of {year}, which has {len(wanted):,} files")
    print(f"{label} keeps to the rules of {year}, on {len(expected):,} files")
    print(f"wrote {', '.join(str(out / name) for name in content)}; add your technical report to the .zip")


def _need_own_part(path: Path, form: Form, label: str) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, template(form).encode())
        raise UserError(f"{path} was not there: a form is written to it, fill it in and run this again")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{path} is no UTF-8 text: write it so") from None
    _stop_at(check_own_part(str(path), text, form, label), f"correct {path}")


def _stop_at(problems: Sequence[Problem], advice: str) -> None:
    if problems:
        raise UserError(f"{show(problems)}, listed above: {advice}")


if __name__ == "__main__":
    raise SystemExit(recipe.run(submit))
