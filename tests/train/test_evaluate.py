"""Evaluating runs of every kind: the figures against a table worked out by hand, and what is refused."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import soundfile
import torch

from tests.support import tiny_data
from tinyasc import artifact, front_end, models, recipe
from tinyasc.artifact import ModelCard
from tinyasc.clips import Clips
from tinyasc.mel import MelConfig
from tinyasc.prepare import prepare
from tinyasc.runs import trained
from train.evaluate import evaluate
from train.targets import stored

MEL = MelConfig(n_fft=1024, win_length=800, hop_length=640, n_mels=32)
MODEL = {"base_channels": 8, "channels_multiplier": 1.5, "expansion_rate": 1.5, "n_blocks": [1, 1], "strides": {}}
CARD = ModelCard(
    stage="student",
    architecture="cp_mobile",
    config=models.resolve("cp_mobile", MODEL),
    mel=asdict(MEL),
    labels=["high", "low"],
    cost={},
    accuracy={},
    data={"checksum": None, "train_devices": ["a"]},
    seed=0,
)
"""Of a run from elsewhere: nobody knows what it was trained on."""


@pytest.fixture
def data(tiny_h5: Path) -> Path:
    return tiny_h5


def write_network(run: Path, card: ModelCard = CARD) -> Path:
    torch.manual_seed(0)
    with artifact.new_run(run) as new:
        trained.save(new.path(trained.FILE), models.build("cp_mobile", MODEL, len(card.labels)))
        new.card = card
    return run


def write_ensemble(run: Path, data: Path, correct_on: str) -> Path:
    """A teacher that is right by 2 in the logits on the devices named and wrong by 2 on the others."""
    with Clips(data) as clips, artifact.new_run(run) as new:
        index = clips.labelled("test")
        right = np.array([clips.devices[device] in correct_on for device in clips.device[index]])
        answer = np.where(right, clips.label[index], 1 - clips.label[index])
        stored.write(new.path(stored.FILE), clips, index, 2.0 * np.eye(2)[answer], average="logits")
        facts = {"checksum": clips.checksum, "train_devices": ["a"]}
        new.card = replace(CARD, stage="teacher", architecture="ensemble", config={}, mel=None, data=facts)
    return run


def evaluated(run: Path, data: Path, *more: str) -> int:
    return recipe.run(evaluate, ["--model", str(run), "--data", str(data), "--device", "cpu", "--threads", "1", *more])


def test_stored_answers_give_the_figures_worked_out_by_hand(data, tmp_path, capsys):
    run = write_ensemble(tmp_path / "ensemble", data, correct_on="a")
    files = ["--json", str(tmp_path / "new/score.json"), "--plot", str(tmp_path / "score.png")]
    assert evaluated(run, data, *files) == 0
    # Of each label two recordings by a, right, and one by b, wrong; each of two pieces.
    right, wrong = np.log(1 + np.exp(-2)), np.log(1 + np.exp(2))
    content = json.loads((tmp_path / "new/score.json").read_text())
    accuracy = content["accuracy"]
    assert accuracy["macro"] == pytest.approx(2 / 3)
    assert accuracy["log_loss"] == pytest.approx((2 * right + wrong) / 3, abs=1e-6)
    assert accuracy["per_class"] == pytest.approx({"high": 2 / 3, "low": 2 / 3})
    assert (accuracy["per_device"], accuracy["groups"]) == ({"a": 1, "b": 0}, {"seen": 1, "unseen": 0})
    assert accuracy["per_city"] == pytest.approx({"oslo": 2 / 3})
    assert accuracy["parts"]["per_device"]["b"]["interval"] is None  # one moment of each class
    assert (accuracy["n"], accuracy["moments"]) == (12, 6)
    assert content["confusion"] == {"labels": ["high", "low"], "counts": [[4, 2], [2, 4]]}
    assert (content["stage"], content["architecture"]) == ("teacher", "ensemble")
    assert (tmp_path / "score.png").read_bytes().startswith(b"\x89PNG")
    shown = capsys.readouterr().out
    assert "teacher ensemble on 12 test clips of 6 moments: macro accuracy 66.7%" in shown
    assert "another data set" not in shown
    rows = [" ".join(line.split()) for line in shown.splitlines()]
    assert f"a 100.0 % 100.0 to 100.0 {right:.3f} {right:.2f} to {right:.2f} 8 4" in rows
    assert f"unseen 0.0 % – {wrong:.3f} – 4 2" in rows
    assert rows[rows.index("truth 1 2 clips") + 1 :][:2] == ["1 high 67 33 6", "2 low 33 67 6"]


def test_a_network_answers_for_itself_and_strangers_are_named(data, tmp_path, capsys):
    run = write_network(tmp_path / "student")
    assert evaluated(run, data, "--json", str(tmp_path / "score.json")) == 0
    accuracy = json.loads((tmp_path / "score.json").read_text())["accuracy"]
    network, _, _ = trained.load(run)
    with Clips(data) as clips:
        test = clips.labelled("test")
        log_mel = torch.from_numpy(front_end.features(clips.waveform(test), MEL))[:, None]
        with torch.inference_mode():
            logits = network(log_mel).double()
        expected = torch.nn.functional.cross_entropy(logits, torch.from_numpy(clips.label[test]))
    assert accuracy["log_loss"] == pytest.approx(float(expected), abs=1e-5)
    assert "trained on another data set, or an unknown one" in capsys.readouterr().out


def test_the_device_probe_is_asked_for_and_needs_devices(data, tmp_path, capsys):
    run, ensemble = write_network(tmp_path / "run"), write_ensemble(tmp_path / "ensemble", data, correct_on="a")
    mixed = tmp_path / "mixed.h5"
    mixed.write_bytes(data.read_bytes())
    with Clips(data) as clips, h5py.File(mixed, "r+") as file:
        file["device"][:] = (clips.recording % 2).astype(np.int16)  # type: ignore[index]
    for one, on in [(run, mixed), (run, data), (ensemble, data)]:
        assert evaluated(one, on, "--probe", "--json", str(tmp_path / "score.json")) == 0
        shown = capsys.readouterr().out
        probe = json.loads((tmp_path / "score.json").read_text())["device_probe"]
        if on is mixed:
            assert (probe["chance"], probe["n"]) == (0.5, 2 * tiny_data.TRAIN)
            assert (
                f"device probe: {100 * probe['balanced_accuracy']:.1f} % of the devices found in its embedding, 50.0 %"
                in shown
            )
        else:
            assert probe is None
            assert "device probe: none, it needs" in shown
    with h5py.File(mixed, "r+") as file:  # and all places but one away from training
        file["split"][:] = np.where(np.arange(len(file["split"])) % 18 < 2, 0, 1)  # type: ignore[index,arg-type]
        file["device"][:] = np.arange(len(file["device"])) % 2  # type: ignore[index,arg-type]
    assert evaluated(run, mixed, "--probe") == 1
    assert "leave --probe out" in capsys.readouterr().err


def test_a_folder_of_ones_own_with_one_device_one_city_and_an_untested_class(tmp_path, capsys):
    folder = tmp_path / "own"
    folder.mkdir()
    table, test = ["filename\tscene_label\tidentifier\tsource_label"], ["filename"]
    random = np.random.default_rng(0)
    for number, label in enumerate(["high", "high", "low", "none"]):
        soundfile.write(folder / f"{number}.wav", 0.1 * random.standard_normal(64_000), 32_000)
        table.append(f"{number}.wav\t{label}\there\tphone")
        test += [f"{number}.wav"] if label != "none" else []
    (folder / "meta.csv").write_text("\n".join(table) + "\n")
    (folder / "evaluation_setup").mkdir()
    (folder / "evaluation_setup/fold1_train.csv").write_text("filename\n3.wav\n")
    (folder / "evaluation_setup/fold1_evaluate.csv").write_text("\n".join(test) + "\n")
    prepare(folder, tmp_path / "own.h5", processes=1)
    facts = {"checksum": None, "train_devices": None}
    run = write_network(tmp_path / "run", replace(CARD, labels=["high", "low", "none"], data=facts))
    files = ["--json", str(tmp_path / "score.json"), "--plot", str(tmp_path / "score.png")]
    assert evaluated(run, tmp_path / "own.h5", *files) == 0
    accuracy = json.loads((tmp_path / "score.json").read_text())["accuracy"]
    assert (list(accuracy["per_class"]), list(accuracy["per_device"]), list(accuracy["per_city"])) == (
        ["high", "low"],
        ["phone"],
        ["here"],
    )
    assert accuracy["groups"] == {}
    assert (accuracy["moments"], accuracy["parts"]["per_class"]["high"]["moments"]) == (3, 2)  # a file is a moment
    assert accuracy["parts"]["per_class"]["low"]["interval"] is None
    shown = capsys.readouterr().out
    assert "device group" not in shown
    assert "from one of a class there is none" in shown


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stage": "qat"}, "is of the stage qat: `make bench` judges"),
        ({"stage": "export"}, "is of the stage export: `make bench` judges"),
        ({"labels": ["high", "medium"]}, "has the classes high, low; the student was trained on high, medium"),
        ({"mel": asdict(replace(MEL, sample_rate=44_100))}, "has 32000 Hz, the student takes 44100 Hz"),
    ],
)
def test_runs_that_cannot_be_evaluated_get_one_line(data, tmp_path, capsys, changes, message):
    run = write_network(tmp_path / "run", replace(CARD, **changes))
    assert evaluated(run, data, "--json", str(tmp_path / "score.json")) == 1
    assert message in capsys.readouterr().err.strip().splitlines()[-1]
    assert not (tmp_path / "score.json").exists()


def test_other_data_and_folders_get_one_line(data, tmp_path, capsys):
    run = write_ensemble(tmp_path / "ensemble", data, correct_on="ab")
    other = tiny_data.write(tmp_path / "other", seed=1)
    for arguments, message in [
        ((run, other), "is of another data set"),
        ((tmp_path, data), "no model run at"),
        ((run, data, "--plot", str(tmp_path)), "is a folder: name the file to write"),
    ]:
        assert evaluated(*arguments) == 1
        assert message in capsys.readouterr().err.strip().splitlines()[-1]
