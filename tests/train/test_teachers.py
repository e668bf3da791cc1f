"""Teachers that answer from a file or live, and averages of them. N clips, K classes."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch.nn import functional as F

from tinyasc import artifact, models, recipe
from tinyasc.artifact import ModelCard, new_run
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.mel import MelConfig
from tinyasc.metrics import Score, score_test
from tinyasc.runs import trained
from tinyasc.runs.scores import predict
from train.data.loader import Batch
from train.data.selection import ExamplesConfig, train_val_split
from train.ensemble import make_ensemble
from train.student import train_student
from train.targets import objectives, stored
from train.targets.distillation import DistillationConfig
from train.targets.objective import Embedding
from train.targets.teachers import averaged, open_teacher

NETWORKS = {  # name -> architecture, settings, front end
    "first": (
        "passt",
        {"embed_dim": 16, "depth": 1, "num_heads": 2, "s_patchout_f": 3},
        {"n_fft": 1024, "win_length": 800, "hop_length": 320, "n_mels": 128},
    ),
    "second": (
        "cp_mobile",
        {"base_channels": 8, "n_blocks": [1, 1], "strides": {"b2": [2, 2]}},
        {"n_fft": 1024, "win_length": 800, "hop_length": 640, "n_mels": 64},
    ),
}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_h5: Path) -> Path:
    """data.h5, and two teachers that have learned nothing."""
    folder = tmp_path_factory.mktemp("teachers")
    shutil.copy(tiny_h5, folder / "data.h5")
    with Clips(folder / "data.h5") as clips:
        for name in NETWORKS:
            write_teacher(folder / name, name, clips)
    return folder


def write_teacher(out: Path, name: str, clips: Clips, stage: str = "teacher") -> None:
    """A run as train.teacher writes it, of a network as it was drawn."""
    architecture, config, mel = NETWORKS[name]
    torch.manual_seed(len(name))
    network = models.build(architecture, config, len(clips.labels)).eval()
    if architecture == "passt":
        torch.nn.init.normal_(network.get_parameter("net.head.1.weight"))  # PaSST begins with zeros there
    index = np.union1d(clips.indices("train"), clips.indices("test"))
    with new_run(out) as run:
        trained.save(run.path(trained.FILE), network)
        stored.write(run.path(stored.FILE), clips, index, predict(network, MelConfig(**mel), clips, index))
        run.card = ModelCard(
            stage=stage,
            architecture=architecture,
            config=models.resolve(architecture, config),
            mel=mel,
            labels=clips.labels,
            cost={"parameters": 1000, "macs": 7, "peak_activation_bytes_int8": len(name)},
            accuracy={},
            data={"checksum": clips.checksum, "subset": "train", "train_devices": ["a"]},
            seed=0,
        )


def ensemble(folder: Path, out: str, *teachers: str, average: str = "probabilities") -> int:
    given = [str(folder / teacher) for teacher in teachers]
    arguments = ["--data", str(folder / "data.h5"), "--average", average, "--out", str(folder / out)]
    return recipe.run(make_ensemble, ["--teachers", *given, *arguments])


def everything(clips: Clips) -> np.ndarray:
    return np.union1d(clips.indices("train"), clips.indices("test"))


def batch_of(clips: Clips, index: np.ndarray) -> Batch:
    """Clips as a student's batch brings them; its own features are another matter."""
    label, device = torch.from_numpy(clips.label[index]), torch.from_numpy(clips.device[index])
    return Batch(torch.empty(0), label, torch.from_numpy(index), device, torch.from_numpy(clips.waveform(index)))


def test_what_is_written_is_loaded_by_clip(folder, tmp_path):
    with Clips(folder / "data.h5") as clips:
        index, random = clips.indices("train")[::2], np.random.default_rng(0)
        given = random.standard_normal((len(index), 2)).astype(np.float32)
        for name in ("one.h5", "two.h5"):
            stored.write(tmp_path / name, clips, index, given)
        found = stored.load(tmp_path / "one.h5", clips, index[:3])
        np.testing.assert_array_equal(found[index], given)
        assert np.isnan(np.delete(found, index, axis=0)).all()
        assert stored.read(tmp_path / "one.h5").file == [clips.files[number] for number in index]
        with pytest.raises(UserError, match=r"no logits for 12 of the 24 clips that are needed"):
            stored.load(tmp_path / "one.h5", clips, clips.indices("train"))
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()


def damaged(path: Path, damage) -> Path:
    with h5py.File(path, "a") as file:
        damage(file)
    return path


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda file: file.attrs.update(checksum="0"), "is of another data set than"),
        (lambda file: file.attrs.update(labels='["low", "high"]'), "is of the classes low, high"),
        (lambda file: file.attrs.update(format=2), "has another format than 1"),
        (lambda file: file.attrs.pop("labels"), "cannot be read as a teacher's logits"),
        (lambda file: file.pop("index"), "cannot be read as a teacher's logits"),
        (lambda file: file["logits"].write_direct(np.full((36, 2), np.nan, np.float32)), "is damaged"),
        (lambda file: file["index"].write_direct(np.zeros(36, np.int64)), "is damaged"),
        (lambda file: file["index"].write_direct(np.arange(-1, 35)), "has logits of clips -1 to 34, .* has 0 to 35"),
        (lambda file: file["index"].write_direct(np.arange(1, 37)), "has logits of clips 1 to 36"),
        (lambda file: file["file"].write_direct(np.array(file["file"])[::-1].copy()), "as clip 0, which is .* in "),
    ],
)
def test_files_that_do_not_fit_are_refused(folder, tmp_path, damage, message):
    with Clips(folder / "data.h5") as clips:
        index = everything(clips)
        stored.write(tmp_path / "logits.h5", clips, index, np.zeros((len(index), 2)))
        path = damaged(tmp_path / "logits.h5", damage)
        with pytest.raises(UserError, match=message):
            stored.load(path, clips, index)


def test_files_that_are_cut_or_gone_are_refused(folder, tmp_path):
    with Clips(folder / "data.h5") as clips:
        content = (folder / "first" / stored.FILE).read_bytes()
        (tmp_path / "logits.h5").write_bytes(content[: len(content) // 2])
        with pytest.raises(UserError, match="cannot be read as a teacher's logits"):
            stored.load(tmp_path, clips, clips.indices("train"))
        with pytest.raises(UserError, match="is missing: train the teacher again"):
            stored.load(folder, clips, clips.indices("train"))


@pytest.mark.parametrize("teacher", ["first", "second", "logits", "both"])
def test_a_live_teacher_says_of_fixed_pieces_what_is_stored(folder, teacher):
    if teacher not in NETWORKS:
        average = "logits" if teacher == "logits" else "probabilities"
        assert ensemble(folder, teacher, "first", "second", average=average) == 0
    with Clips(folder / "data.h5") as clips:
        index = np.random.default_rng(0).permutation(clips.indices("train"))[:7]
        batch = batch_of(clips, index)
        answers = []
        for source in ("stored", "live"):
            config = DistillationConfig(source=source)
            opened = open_teacher(folder / teacher, config, clips, ExamplesConfig(), CPU)
            assert opened is not None
            assert opened.needs_waveform == (source == "live")
            answers.append(opened(batch))
            assert answers[-1].embedding.shape == (7, opened.channels)
        torch.testing.assert_close(answers[1].logits, answers[0].logits, atol=1e-5, rtol=1e-5)
        assert answers[0].logits.std() > 0.01
        assert not answers[1].logits.requires_grad
        if teacher in NETWORKS:
            network, mel, card = trained.load(folder / teacher)
            embedding = Embedding(network, models.ARCHITECTURES[card.architecture].classifier)
            predict(network, mel, clips, index)
            torch.testing.assert_close(answers[1].embedding, embedding.take().clone())
        else:
            members = [
                open_teacher(folder / name, DistillationConfig(source="live"), clips, ExamplesConfig(), CPU)
                for name in NETWORKS
            ]
            directions = [F.normalize(member(batch).embedding, dim=1) for member in members if member is not None]
            torch.testing.assert_close(answers[1].embedding, torch.cat(directions, dim=1))


@pytest.mark.parametrize(
    ("teacher", "source", "examples", "message"),
    [
        ("first", "stored", ExamplesConfig(windows_per_recording=1), "take distillation.source live"),
        ("first", "live", ExamplesConfig(cache=True), "take examples.cache false"),
        ("nowhere", "live", ExamplesConfig(), "no teacher or student run at"),
        ("nowhere", "stored", ExamplesConfig(), "no teacher run at"),
    ],
)
def test_what_a_teacher_cannot_do_is_refused(folder, teacher, source, examples, message):
    with Clips(folder / "data.h5") as clips, pytest.raises(UserError, match=message):
        open_teacher(folder / teacher, DistillationConfig(source=source), clips, examples, CPU)


def test_averages_by_hand():
    logits = [torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor([[3.0, -1.0, 0.0]])]
    torch.testing.assert_close(averaged(logits, "logits"), torch.tensor([[1.5, -0.5, 0.5]]))
    expected = np.log((softmax([0.0, 0.0, 1.0]) + softmax([3.0, -1.0, 0.0])) / 2)
    np.testing.assert_allclose(averaged(logits, "probabilities")[0], expected, rtol=1e-6)


def write_csv(path: Path, clips: Clips, probabilities: np.ndarray, index: np.ndarray) -> None:
    """As DCASE takes it: names without folders, the classes in an order of their own."""
    lines = ["\t".join(["filename", "scene_label", *reversed(clips.labels)]), "unknown.wav\tlow\t0.5\t0.5"]
    for number in index:
        numbers = [f"{value:.6f}" for value in reversed(probabilities[number])]
        lines.append("\t".join([Path(clips.files[number]).name, "low", *numbers]))
    path.write_text("\n".join(lines) + "\n")


def as_card(score: Score) -> dict[str, Any]:
    """The score as JSON has it."""
    return json.loads(json.dumps(score.to_dict()))


def test_an_ensemble_of_runs_files_and_ensembles_is_scored_and_taken_as_a_teacher(folder, capsys):
    random = np.random.default_rng(2)
    with Clips(folder / "data.h5") as clips:
        index = everything(clips)
        alone = {name: stored.load(folder / name, clips, index) for name in NETWORKS}
        foreign = random.standard_normal((len(clips), 2)).astype(np.float32)
        probabilities = softmax(2 * random.standard_normal((len(clips), 2)), axis=1)
        probabilities[index[0]] = 1, 0
        stored.write(folder / "foreign.h5", clips, index, foreign[index])
        write_csv(folder / "output.csv", clips, probabilities, index[1:])
        assert ensemble(folder, "pair", "first", "second") == 0
        write_csv(folder / "whole.csv", clips, probabilities, index)
        assert ensemble(folder, "all", "pair", "foreign.h5", "whole.csv", average="logits") == 0
        # the training clips that all know: of the last file, one less
        assert ensemble(folder, "fewer", "first", "output.csv") == 0
        assert "on 23 training and 12 test clips" in capsys.readouterr().out
        pair = np.log(np.mean([softmax(alone[name], axis=1) for name in NETWORKS], axis=0))
        np.testing.assert_allclose(stored.load(folder / "pair", clips, index)[index], pair[index], atol=1e-6)
        given = [pair, foreign, np.log(np.maximum(probabilities.round(6), 1e-10))]
        everybody = stored.load(folder / "all", clips, index)
        np.testing.assert_allclose(everybody[index], np.mean(given, axis=0)[index], atol=1e-5)

        card, test = artifact.load_card(folder / "all", "teacher"), clips.labelled("test")
        assert card.accuracy == as_card(score_test(everybody[test], clips, None))
        assert card.cost == {}
        assert card.data["train_devices"] is None
        assert [entry["architecture"] for entry in card.lineage] == ["passt", "cp_mobile", "ensemble"]
        card = artifact.load_card(folder / "pair", "teacher")
        found = stored.load(folder / "pair", clips, index)[test]
        assert card.accuracy == as_card(score_test(found, clips, ["a"]))
        assert card.cost == {"parameters": 2000, "macs": 14, "peak_activation_bytes_int8": 6}
        assert (card.data["train_devices"], card.data["subset"]) == (["a"], "train")
        with h5py.File(folder / "pair" / stored.FILE) as file:
            assert file.attrs["average"] == "probabilities"
            assert (
                file.attrs["teachers"]
                == f"""[{
                    ", ".join(
                        f'{{"path": "../{name}", "sha256": "{artifact.file_sha256(folder / name / artifact.CARD)}"}}'
                        for name in NETWORKS
                    )
                }]"""
            )


def test_what_an_ensemble_cannot_be_made_of_is_one_line(folder, tmp_path, capsys):
    with Clips(folder / "data.h5") as clips:
        index = everything(clips)
        flat = np.full((len(clips), 2), 0.5)
        write_csv(tmp_path / "short.csv", clips, flat, index[:-1])
        write_csv(tmp_path / "twice.csv", clips, flat, np.append(index, index[0]))
        write_csv(tmp_path / "logits.csv", clips, 7 * flat, index)
    (tmp_path / "other.csv").write_text("filename,low,high\n")
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)))
    for teacher, message in (
        (tmp_path / "short.csv", "no answers to 1 of the 12 clips"),
        (tmp_path / "twice.csv", "twice"),
        (tmp_path / "logits.csv", "no probabilities for low"),
        (tmp_path / "other.csv", "has not the columns filename, high, low"),
        (tmp_path / "binary.csv", "cannot be read as output.csv"),
        (tmp_path / "gone.csv", "there is no teacher"),
        (folder / "first", "would count double"),
        (folder / "first" / stored.FILE, "would count double"),
        (folder / "bad", "there is no teacher"),
        (tmp_path, "no teacher run at"),
    ):
        assert ensemble(folder, "bad", "first", str(teacher)) == 1
        error = capsys.readouterr().err
        assert message in error.splitlines()[-1], error
        assert not (folder / "bad").exists()


def test_an_ensemble_does_not_replace_its_own_teacher(folder, capsys):
    card = (folder / "first" / artifact.CARD).read_bytes()
    for teacher in ("first", "first/logits.h5"):
        assert ensemble(folder, "set/../first", teacher, "second") == 1
        (error,) = capsys.readouterr().err.splitlines()
        assert "one of its own teachers: give another --out" in error
    assert (folder / "first" / artifact.CARD).read_bytes() == card


STUDENT = """
architecture: cp_mobile
model: {base_channels: 8, n_blocks: [1, 1], strides: {b2: [2, 2]}}
mel: {n_fft: 1024, win_length: 800, hop_length: 640, n_mels: 64}
augmentation: {mixup_alpha: 0.3}
fit: {epochs: 2, batch_size: 12, learning_rate: 3.0e-3, weight_decay: 0.0, schedule: []}
compute: {device: cpu, threads: 1}
examples: {windows_per_recording: 0}
distillation: {warm_up: 1.0}
"""


@pytest.mark.parametrize(("kind", "source"), [("dkd", "stored"), ("kd", "live"), ("feature", "live")])
def test_a_student_learns_from_an_ensemble(folder, capsys, kind, source):
    windows = int(source == "live")  # at random places, as only a live teacher can answer to
    parts = ["labels", "teacher", *(["features"] if kind == "feature" else [])]
    if not (folder / "taught").exists():
        assert ensemble(folder, "taught", "first", "second") == 0
        (folder / "student.yaml").write_text(STUDENT)
    arguments = ["--config", folder / "student.yaml", "--data", folder / "data.h5", "--teacher", folder / "taught"]
    arguments += ["--distillation.kind", kind, "--distillation.source", source, "--out", folder / kind]
    arguments += ["--examples.windows_per_recording", windows]
    assert recipe.run(train_student, list(map(str, arguments))) == 0, capsys.readouterr().err
    with (folder / kind / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [name for name in rows[0] if name.startswith("loss_")] == [f"loss_{part}" for part in parts]
    assert all(float(row[f"loss_{part}"]) > 0 for row in rows[1:] for part in parts)
    network, _, card = trained.load(folder / kind, "student")  # which has no heads
    assert sum(parameter.numel() for parameter in network.parameters()) == card.cost["parameters"]
    assert [entry["architecture"] for entry in card.lineage] == ["passt", "cp_mobile", "ensemble"]
    assert recipe.run(train_student, [*map(str, arguments), "--adversarial.weight", "1"]) == 1
    assert "of one device" in capsys.readouterr().err.splitlines()[-1]


def test_the_devices_that_a_student_is_balanced_by_are_of_the_clips_it_trains_on(folder, tmp_path, monkeypatch):
    given, build = [], objectives.build

    def noted(*arguments, device, **settings):
        given.append(device)
        return build(*arguments, device=device, **settings)

    monkeypatch.setattr(objectives, "build", noted)
    (tmp_path / "student.yaml").write_text(STUDENT)
    arguments = ["--config", tmp_path / "student.yaml", "--data", folder / "data.h5", "--out", tmp_path / "run"]
    arguments += ["--examples.validation", 0.4, "--seed", 3, "--dry_run"]
    assert recipe.run(train_student, list(map(str, arguments))) == 0
    with Clips(folder / "data.h5") as clips:
        trained_on, held = train_val_split(clips, ExamplesConfig(validation=0.4), 3)
        np.testing.assert_array_equal(np.union1d(trained_on, held), clips.indices("train"))
        assert len(held) > 0
        np.testing.assert_array_equal(given[0], clips.device[trained_on])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "99999999999999999999"], "seed is 99999999999999999999: take 0 to 4294967295"),
        (["--fit.accumulate", "64", "--fit.batch_size", "64"], "an epoch has 24 clips, fewer than the 64 parts"),
    ],
)
def test_what_a_student_cannot_do_is_one_line(folder, tmp_path, capsys, arguments, message):
    (tmp_path / "student.yaml").write_text(STUDENT)
    given = ["--config", tmp_path / "student.yaml", "--data", folder / "data.h5", "--out", tmp_path / "run"]
    assert recipe.run(train_student, [*map(str, given), *arguments]) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert message in error


def test_a_recipe_that_is_no_text_is_named(tmp_path, capsys):
    (tmp_path / "student.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SystemExit):
        recipe.run(train_student, ["--config", str(tmp_path / "student.yaml")])
    assert f"error: {tmp_path / 'student.yaml'} is no YAML file" in capsys.readouterr().err.splitlines()[-1]


def test_an_ensemble_is_no_network_and_says_so(folder, capsys):
    assert ensemble(folder, "mixed", "first", "second") == 0
    with pytest.raises(UserError, match="is an ensemble, which has answers but no network of its own"):
        trained.load(folder / "mixed")


def test_a_student_can_answer_live_alone(folder, tmp_path):
    with Clips(folder / "data.h5") as clips:
        write_teacher(tmp_path / "student", "first", clips, stage="student")
        batch = batch_of(clips, clips.indices("train")[:3])
        asked = [tmp_path / "student", folder / "first"]
        student, teacher = (
            open_teacher(run, DistillationConfig(source="live"), clips, ExamplesConfig(), CPU) for run in asked
        )
        assert student is not None
        assert teacher is not None
        torch.testing.assert_close(student(batch).logits, teacher(batch).logits, atol=0, rtol=0)
        with pytest.raises(UserError, match="is of the stage student"):
            open_teacher(tmp_path / "student", DistillationConfig(source="stored"), clips, ExamplesConfig(), CPU)


def test_live_members_that_are_files_gone_or_changed_are_refused(folder, tmp_path):
    with Clips(folder / "data.h5") as clips:
        index = everything(clips)
        stored.write(tmp_path / "file.h5", clips, index, np.zeros((len(index), 2)))
        write_teacher(tmp_path / "first", "first", clips)
        for out, *members in (("of_file", "first", "file.h5"), ("of_run", "first")):
            given = [str(tmp_path / member) for member in members]
            arguments = ["--data", str(folder / "data.h5"), "--out", str(tmp_path / out)]
            assert recipe.run(make_ensemble, ["--teachers", *given, *arguments]) == 0
        live = DistillationConfig(source="live")

        def opened(name: str) -> None:
            open_teacher(tmp_path / name, live, clips, ExamplesConfig(), CPU)

        with pytest.raises(UserError, match=r"has the file file\.h5 in it, which cannot hear"):
            opened("of_file")
        opened("of_run")
        write_teacher(tmp_path / "first", "second", clips)
        with pytest.raises(UserError, match="is not the teacher that"):
            opened("of_run")
        (tmp_path / "first").rename(tmp_path / "moved")
        with pytest.raises(UserError, match="is gone"):
            opened("of_run")
