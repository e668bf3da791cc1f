"""A submission put together: the texts of its files, the .zip that the organisers take, and the inference package.

2025 asks for the package: a Python package by the team's name, a module a system. It is made of the drop-in file, which
has the front-end inside, so that it needs nothing of this project. Its module returns tensors of torch, as the
challenge's scripts want them, and is therefore no code of this half but a file that is copied. Its answers differ from
output.csv where the drop-in differs from its network (parity.json of the run says by how much), and by the 16 bits that
a prepared data set rounds sound to. Source: the module functions that CPJKU/dcase2025_task1_inference calls.
"""

import io
import json
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from bench.challenge import output
from bench.challenge.forms import Form
from bench.challenge.model import Complexity, SubmittedModel, complexity, logits, need_fitting, probabilities, results
from bench.challenge.output import META
from tinyasc.clips import Clips
from tinyasc.errors import UserError

DROP_IN = "drop_in.tflite"
MODULE = Path(__file__).with_name("inference_module.py.txt")
COMPLEXITY_DEVICES = ("a", "b", "c", *(f"s{number}" for number in range(1, 11)))
"""Those that the challenge's complexity script goes through."""


def by_name(submitted: Sequence[SubmittedModel], form: Form) -> dict[str, SubmittedModel]:
    """Which of them stands for which model of the year's form.

    Raises:
        UserError: too many or too few, or one trained on something else than the year's subsets.
    """
    if len(form.models) == 1:
        if len(submitted) != 1:
            raise UserError(f"{form.year} takes one model a submission, not {len(submitted)}: give --model one run")
        return {form.models[0]: submitted[0]}
    models: dict[str, SubmittedModel] = {}
    for model in submitted:
        split = f"split_{model.subset}"
        if split not in form.models:
            raise UserError(f"{model.run} was not trained on a subset of {form.year}: {', '.join(form.models)}")
        if split in models:
            raise UserError(f"{model.run} and {models[split].run} were both trained on {split}: give one of them")
        models[split] = model
    if missing := [split for split in form.models if split not in models]:
        raise UserError(
            f"{form.year} takes a model of each subset, {', '.join(missing)} not given: train with --examples.subset "
            "split5 and so on, and give all runs to --model"
        )
    return {split: models[split] for split in form.models}


def own_part(path: Path) -> dict[str, Any]:
    """What a person wrote, once it is checked (`meta.check_own_part`).

    Raises:
        UserError: a value in it that is no plain YAML, such as a tag of another program or a date that there is not.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}): write plain text and numbers") from None


def _largest(models: Mapping[str, SubmittedModel], sample_rate: int) -> Complexity:
    """The largest count of each of several models, which stands for the system: each must keep to the limits."""
    costs = [complexity(model, sample_rate) for model in models.values()]
    return Complexity(
        max(cost.total_model_size for cost in costs),
        max(cost.total_parameters for cost in costs),
        max(cost.macs for cost in costs),
    )


def texts(
    label: str,
    form: Form,
    models: Mapping[str, SubmittedModel],
    own: dict[str, Any],
    *,
    data: Clips,
    evaluation: Clips | None,
) -> dict[str, str]:
    """The files of a submission by name: each output.csv, and the meta.yaml.

    Args:
        label: of the submission.
        form: of the year.
        models: by the names of the form.
        own: what a person wrote (`forms.template`).
        data: the development set, on whose test split the results are measured.
        evaluation: whose test clips are answered; none: the test split of the development set.
    """
    answered = data if evaluation is None else evaluation
    files = [answered.files[clip] for clip in answered.indices("test")]
    _need_single(answered, files)
    for model in models.values():
        need_fitting(model, data, labelled=True)
        need_fitting(model, answered, labelled=False)
    scored = logits(models, data, data.labelled("test"))
    answers = scored if evaluation is None else logits(models, evaluation, evaluation.indices("test"))
    content = {
        "submission": {"label": label} | own["submission"],
        "system": own["system"] | {"complexity": asdict(_largest(models, data.sample_rate))},
        "results": {"development_dataset": {name: results(scored[name], data) for name in models}},
    }
    outputs = {
        file: output.text(files, probabilities(answers[name]), models[name].card.labels)
        for name, file in form.outputs(label).items()
    }
    return outputs | {f"{label}{META}": yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)}


def packed(label: str, files: Mapping[str, str]) -> bytes:
    """The .zip, with the files where the organisers' validator looks for them: task1/LABEL/."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(f"task1/{label}/{name}")  # of a fixed date: the same files give the same bytes
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, text)
    return content.getvalue()


def inference_files(label: str, submitted: SubmittedModel, cost: Complexity) -> dict[str, bytes]:
    """Contents by path: the package with this system's module, its .tflite and settings, and complexity.json.

    The package is that of all systems of a team: Lee_KU_task1_2 -> Lee_KU_task1. Nothing where the run has no drop-in.

    Args:
        label: of the submission.
        submitted: its model.
        cost: of the model.
    """
    mel = submitted.card.mel
    if DROP_IN not in submitted.card.files or mel is None:
        return {}
    counts = {"MACs": cost.macs, "Params": cost.total_model_size}
    summary = {
        "per_device": dict.fromkeys(COMPLEXITY_DEVICES, counts),
        "max_MACs": counts["MACs"],
        "max_Params": counts["Params"],
    }
    package = label.rpartition("_")[0]
    return {
        f"{package}/__init__.py": b"",
        f"{package}/{label}.py": MODULE.read_bytes(),
        f"{package}/{label}.json": _json({"labels": submitted.card.labels, "sample_rate": mel["sample_rate"]}),
        f"{package}/{label}.tflite": (submitted.run / DROP_IN).read_bytes(),
        f"predictions/{label}/complexity.json": _json(summary),
    }


def _need_single(clips: Clips, files: Sequence[str]) -> None:
    counts = Counter(map(output.base, files))
    if not counts:
        raise UserError(f"{clips.path} has no test clips: prepare a folder with evaluation_setup/")
    file, count = counts.most_common(1)[0]
    if count > 1:
        raise UserError(f"{clips.path} has {count} test clips of {file}: output.csv has one row a file of one second")


def _json(content: object) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode()
