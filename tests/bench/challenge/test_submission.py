"""The command on tiny runs: what it writes keeps to the rules, is what was measured, and is read by train.ensemble."""

import copy
import importlib
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from bench.challenge import model as submitted
from bench.challenge.forms import FORMS, template
from bench.measure.accuracy.answers import answers
from bench.submission import __main__ as command
from bench.submission import validate
from deploy import runtime
from tests.support import tiny_challenge
from tinyasc import metrics, recipe
from tinyasc.clips import Clips
from tinyasc.dcase import SCENES
from train.targets import stored

LABEL = "Lee_KU_task1_1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dev.h5, eval.h5 and runs: `whole` and, of 2024's subsets, 5 to 50."""
    folder = tmp_path_factory.mktemp("challenge")
    tiny_challenge.write_development(folder / "dev")
    tiny_challenge.write_evaluation(folder / "eval")
    tiny_challenge.write_run(folder / "whole", "train")
    for subset in (5, 10, 25, 50):
        tiny_challenge.write_run(folder / f"runs{subset}", f"split{subset}", seed=subset)
    tiny_challenge.write_run(folder / "others", "train", labels=("cat", "dog"))
    for year, form in FORMS.items():
        (folder / f"own{year}.yaml").write_text(template(form).replace("FILL IN", "1.5"))
    return folder


def submit(folder: Path, to: Path, *runs: str, **changed: str | None) -> int:
    """The command on the fixture's files; a flag that is changed to none is left out."""
    year = changed.get("year", "2025")
    flags = {"data": f"{folder}/dev.h5", "label": LABEL, "meta": f"{folder}/own{year}.yaml", "out": str(to)}
    flags |= {"evaluation": f"{folder}/eval.h5"} | changed
    arguments = ["--model", *(str(folder / run) for run in runs)]
    return recipe.run(
        command.submit, arguments + [part for name, value in flags.items() if value for part in (f"--{name}", value)]
    )


def softmax(logits: np.ndarray) -> np.ndarray:
    return np.exp(metrics.log_softmax(logits))


def test_2025_is_one_model_that_answers_the_evaluation_set(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert submit(folder, tmp_path / "out", "whole") == 0
    shown = capsys.readouterr().out
    assert "rehearsal" not in shown
    names = [f"{LABEL}.meta.yaml", f"{LABEL}.output.csv", f"{LABEL}.zip"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_file()) == names
    written = [str(tmp_path / "out" / name) for name in names]
    assert recipe.run(validate.validate, [*written[:2], "--evaluation", f"{folder}/eval.h5"]) == 0
    assert (
        recipe.run(validate.validate, [written[2], "--evaluation", f"{folder}/eval/evaluation_setup/fold1_test.csv"])
        == 0
    )

    model = runtime.load(folder / "whole/model.tflite")
    with Clips(folder / "dev.h5") as clips:
        logits = answers({"": model}, clips, clips.labels, tiny_challenge.MEL)[""].logits
        score = metrics.score_test(logits, clips, None)
    meta = yaml.safe_load(Path(written[0]).read_text())
    results = meta["results"]["development_dataset"]["general"]
    assert results["overall"] == {
        "accuracy": pytest.approx(100 * score.macro, abs=1e-4),
        "logloss": pytest.approx(score.log_loss, abs=1e-6),
    }
    assert results["class_wise"]["tram"]["logloss"] == pytest.approx(score.per_class["tram"].log_loss, abs=1e-6)
    assert results["device_wise"]["s4"]["accuracy"] == pytest.approx(100 * score.per_device["s4"].macro, abs=1e-4)
    # 3x3x4 + 3x3x4 + 4x10 weights, 4 + 4 + 10 biases; 36 + 36 + 40 MACs at 12 places, 4 x 12 additions, a mean of 120
    assert meta["system"]["complexity"] == {"total_model_size": 130, "total_parameters": 130, "macs": 1512}
    assert meta["submission"]["label"] == LABEL

    rows = [line.split("\t") for line in Path(written[1]).read_text().splitlines()]
    assert [row[0] for row in rows[1:]] == [f"{number}.wav" for number in range(tiny_challenge.EVALUATION)]
    with Clips(folder / "eval.h5") as clips:
        expected = softmax(submitted.logits({"": submitted.load(folder / "whole")}, clips, clips.indices("test"))[""])
    np.testing.assert_allclose(np.array([row[2:] for row in rows[1:]], float), expected, rtol=1e-8)
    assert [row[1] for row in rows[1:]] == [SCENES[best] for best in expected.argmax(1)]


def test_2024_is_a_model_of_each_subset(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = ("runs50", "runs5", "whole", "runs25", "runs10")  # the cards say which is which
    assert submit(folder, tmp_path / "out", *runs, year="2024") == 0
    shown = capsys.readouterr().out
    assert "eval.h5 is not the evaluation set of 2024, which has 135,730 files" in shown
    outputs = {subset: tmp_path / f"out/{LABEL}.output.split_{subset}.csv" for subset in (5, 10, 25, 50, 100)}
    found = {subset: path.read_text() for subset, path in outputs.items()}
    assert len(set(found.values())) == 5
    meta = yaml.safe_load((tmp_path / f"out/{LABEL}.meta.yaml").read_text())
    assert list(meta["results"]["development_dataset"]) == [f"split_{subset}" for subset in outputs]
    with zipfile.ZipFile(tmp_path / f"out/{LABEL}.zip") as archive:
        assert f"task1/{LABEL}/{LABEL}.output.split_5.csv" in archive.namelist()
    files = [str(path) for path in (tmp_path / "out").iterdir() if path.suffix != ".zip"]
    again = ["--year", "2024", "--evaluation", f"{folder}/eval.h5"]
    assert recipe.run(validate.validate, [*files, *again]) == 0


def test_the_inference_module_of_2025_answers_as_the_drop_in(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert submit(folder, tmp_path / "out", "whole") == 0
    monkeypatch.syspath_prepend(tmp_path / "out")
    module = importlib.import_module(f"Lee_KU_task1.{LABEL}")
    with Clips(folder / "eval.h5") as clips:
        expected = runtime.load(folder / "whole/drop_in.tflite").scores(clips.waveform(clips.indices("test")))
        paths = [str(folder / "eval" / file) for file in clips.files]
    logits, scenes = module.predict(paths, ["a"] * len(paths), None, use_cuda=True)
    assert scenes == list(SCENES)
    np.testing.assert_allclose(torch.stack(logits).softmax(1).numpy(), expected, rtol=1e-4, atol=1e-5)

    # as the challenge's scripts use it: a copy, its state, and a network of each device
    container = copy.deepcopy(module.load_model()).float()
    assert container.model.state_dict()["file"].numpy().tobytes() == (folder / "whole/drop_in.tflite").read_bytes()
    network = module.get_model_for_device(container, "s10")
    inputs = module.load_inputs(paths[:2], ["a", "s10"], container)
    assert [tuple(one.shape) for one in inputs] == [(1, 32_000)] * 2
    assert torch.equal(network(torch.cat(inputs)), torch.stack(logits[:2]))
    complexity = json.loads((tmp_path / f"out/predictions/{LABEL}/complexity.json").read_text())
    assert complexity["per_device"]["s10"] == {"MACs": 1512, "Params": 130}
    assert (complexity["max_MACs"], complexity["max_Params"]) == (1512, 130)


def test_the_answers_are_read_as_a_teacher(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A rehearsal on the development set's test split, and train.ensemble's reader of it."""
    assert submit(folder, tmp_path / "out", "whole", evaluation=None) == 0
    assert "a rehearsal: it answers the test split" in capsys.readouterr().out
    with Clips(folder / "dev.h5") as clips:
        test = clips.labelled("test")
        expected = submitted.logits({"": submitted.load(folder / "whole")}, clips, test)[""]
        read = stored.load_output_csv(tmp_path / f"out/{LABEL}.output.csv", clips, test)
    np.testing.assert_allclose(softmax(read[test]), softmax(expected), rtol=1e-6)


@pytest.mark.parametrize(
    ("runs", "changed", "message"),
    [
        (["none"], {}, "make export"),
        (["others"], {}, "is of the classes cat, dog: a submission is of DCASE's ten scenes"),
        (["whole", "runs5"], {}, "2025 takes one model a submission, not 2"),
        (["whole"], {"label": "Lee_task1_1"}, "'Lee_task1_1' is no label"),
        (["whole"], {"year": "2026"}, "there is no form of 2026: choose from 2024, 2025"),
        (
            ["whole"],
            {"year": "2022"},
            "there is no form of 2022: choose from 2024, 2025, as the form of 2022 stands in no",
        ),
        (["whole"], {"data": "{folder}/eval.h5"}, "no labels: give the development set as --data"),
        (["whole"], {"evaluation": "{folder}/none.h5"}, "none.h5 is missing"),
        (["whole"], {"out": "{folder}/dev.h5"}, "dev.h5 is a file: give --out a folder"),
        (["whole", "runs5"], {"year": "2024"}, "split_10, split_25, split_50 not given"),
        (["runs5", "runs5"], {"year": "2024"}, "were both trained on split_5"),
    ],
)
def test_bad_input_gets_one_line_and_writes_nothing(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    runs: list[str],
    changed: dict[str, str],
    message: str,
) -> None:
    changed = {name: value.format(folder=folder) for name, value in changed.items()}
    assert submit(folder, tmp_path / "out", *runs, **changed) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in error
    assert error.startswith("python -m bench.submission: ")
    assert not list(tmp_path.iterdir())


def test_a_form_is_written_where_there_is_none_and_checked_by_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.yaml"
    assert submit(folder, tmp_path / "out", "whole", meta=str(own)) == 1
    assert f"{own} was not there: a form is written to it" in capsys.readouterr().err
    assert submit(folder, tmp_path / "out", "whole", meta=str(own)) == 1
    shown = capsys.readouterr()
    assert f"{own}:4: submission.name is not filled in\n" in shown.out
    assert "21 problems, listed above" in shown.err
    filled = own.read_text().replace("FILL IN", "1.5")
    for text, message in (
        (filled.replace("submission:", "submission:\n  label: Lee_KU_task1_2"), f"{own}:4: submission.label is Lee_KU"),
        (
            filled.replace("  source_code", "  complexity: small\n  source_code"),
            f"{own}:30: system.complexity is measured: leave it out",
        ),
        (filled.replace("source_code: 1.5", "source_code: !module x"), f"{own} cannot be read"),
        (filled.replace("source_code: 1.5", "source_code: 2024-13-45"), f"{own} cannot be read"),
    ):
        own.write_text(text)
        assert submit(folder, tmp_path / "out", "whole", meta=str(own)) == 1
        assert message in "".join(capsys.readouterr())
    assert [path.name for path in tmp_path.iterdir()] == ["own.yaml"]


def test_a_set_that_lacks_devices_of_the_form_is_no_submission(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiny_challenge, "DEVICES", ("a", "b", "c"))
    data = tiny_challenge.write_development(tmp_path / "few")
    assert submit(folder, tmp_path / "out", "whole", data=str(data)) == 1
    assert "device_wise lacks s1, s2, s3, s4, s5, s6: add them" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_a_network_above_the_limits_is_no_submission(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tiny_challenge.write_run(tmp_path / "heavy", "train")
    card = json.loads((run / "model_card.json").read_text())
    card["cost"] = {"deployed_parameters": 130, "deployed_macs": 30_000_001}
    (run / "model_card.json").write_text(json.dumps(card))
    assert submit(folder, tmp_path / "out", str(run)) == 1
    assert "system.complexity.macs is 30,000,001: 2025 allows 30,000,000" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
