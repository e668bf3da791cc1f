"""Opening a run and a data set: what fits, what is refused, and which clips are chosen."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from compress.opening import open_run, open_student
from compress.ptq.__main__ import quantize_trained
from tests.train.test_evaluate import CARD, MEL, write_network
from tinyasc import recipe
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.runs.setup import ComputeConfig

CPU = ComputeConfig(device="cpu", threads=1)


@pytest.fixture
def data(tiny_h5: Path) -> Path:
    return tiny_h5


def facts(data: Path, **more: str) -> dict[str, object]:
    """What the card of a student that was trained on a data set says of it."""
    with Clips(data) as clips:
        return {"checksum": clips.checksum, "train_devices": ["a"], **more}


def test_a_student_is_opened_with_its_data_and_a_choice_of_clips(data: Path, tmp_path: Path) -> None:
    folder = write_network(tmp_path / "student", replace(CARD, data=facts(data)))
    with open_student(folder, data, CPU, seed=3) as student:
        chosen = student.choose(7)
        assert set(chosen) <= set(student.clips.labelled("train"))
        batches = list(student.features(chosen, batch=4))
        assert [tuple(batch.shape) for batch in batches] == [(4, *student.shape), (3, *student.shape)]
        assert student.float_program().shapes[student.float_program().input] == student.shape
        assert not any(batch.is_inference() for batch in batches)  # pruning takes gradients behind them
        torch.testing.assert_close(torch.cat(list(student.features(chosen))), torch.cat(batches), rtol=0, atol=1e-5)
    with open_student(folder, data, CPU, seed=3) as again:
        np.testing.assert_array_equal(again.choose(7), chosen)


@pytest.mark.parametrize(("own", "subset"), [(None, "train"), ("split5", "split5")])
def test_the_subset_is_that_of_the_student(data: Path, tmp_path: Path, own: str | None, subset: str) -> None:
    more = {} if own is None else {"subset": own}
    folder = write_network(tmp_path / "student", replace(CARD, data=facts(data, **more)))
    with open_student(folder, data, CPU, 0) as student:
        assert student.subset == subset


def test_a_run_may_be_given_another_data_set_and_trains_nothing_of_its_own_subset(data: Path, tmp_path: Path) -> None:
    card = replace(CARD, data={"checksum": "another", "train_devices": ["a"], "subset": "split5"})
    folder = write_network(tmp_path / "student", card)
    with open_run(folder, data, CPU, 0) as run:
        assert run.subset == "train"
    with pytest.raises(UserError, match="was trained on another data set"), open_student(folder, data, CPU, 0):
        pass


def test_what_does_not_fit_is_one_line(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes = {
        "labels": {"labels": ["high", "medium"]},
        "rate": {"mel": asdict(replace(MEL, sample_rate=44_100))},
        "teacher": {"stage": "teacher"},
    }
    messages = {"labels": "has the classes", "rate": "has 32000 Hz, the student takes 44100 Hz", "teacher": "teacher"}
    for name, change in changes.items():
        folder = write_network(tmp_path / name, replace(CARD, **change))
        arguments = ["--model", str(folder), "--data", str(data), "--out", str(tmp_path / "out"), "--threads", "1"]
        assert recipe.run(quantize_trained, arguments) == 1
        assert messages[name] in capsys.readouterr().err.strip().splitlines()[-1]
    assert not (tmp_path / "out").exists()
