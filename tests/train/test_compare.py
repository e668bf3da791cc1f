"""Runs side by side: repetitions in one row, what sets the rows apart, and what is no comparison."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tinyasc import artifact, recipe
from tinyasc.artifact import ModelCard
from train.compare import compare
from train.fit.history import JSON_LINES, RECIPE
from train.report import runs

CARD = ModelCard(
    stage="student",
    architecture="cp_mobile",
    config={},
    mel=None,
    labels=["bus", "tram"],
    cost={"parameters": 61_148},
    accuracy={},
    data={"checksum": "c0ffee", "train_devices": ["a"]},
    seed=0,
)

RECIPE_FIELDS = {"fit": {"epochs": 2}, "seed": 0, "out": "there", "teacher": None, "distillation": {"temperature": 2.0}}


def write(folder: Path, recipe: dict[str, Any] | None, losses: list[float]) -> None:
    """What the loop leaves in a folder."""
    rows = [{"epoch": place + 1, "loss": loss, "learning_rate": 1e-3} for place, loss in enumerate(losses)]
    (folder / JSON_LINES).write_text("".join(json.dumps(row) + "\n" for row in rows))
    if recipe is not None:
        (folder / RECIPE).write_text(yaml.safe_dump(recipe))


def finished(
    out: Path, macro: float, *, seed: int = 0, losses: tuple[float, ...] = (2.0, 1.0), card: ModelCard = CARD, **of: Any
) -> Path:
    accuracy = {"macro": macro, "interval": [macro - 0.1, macro + 0.1], "log_loss": 2 - macro, "groups": {}}
    accuracy |= {"log_loss_interval": [1.0, 1.5], "groups": {"seen": macro + 0.05, "unseen": macro - 0.05}}
    accuracy["parts"] = {"groups": {"seen": {"interval": [0.6, 0.9]}, "unseen": {"interval": None}}}
    with artifact.new_run(out) as run:
        write(run.folder, {**RECIPE_FIELDS, "seed": seed, "out": str(out), **of}, list(losses))
        run.card = replace(card, accuracy=accuracy)
    return out


def unfinished(out: Path, recipe: dict[str, Any] | None) -> Path:
    partial = out.with_name(f"{out.name}.partial")
    partial.mkdir()
    write(partial, recipe, [1.5])
    return out


def compared(*arguments: Path | str) -> int:
    return recipe.run(compare, [str(argument) for argument in arguments])


def test_a_study_is_one_row_a_recipe_with_mean_and_spread_over_seeds(tmp_path, capsys):
    kd = [
        finished(tmp_path / f"kd-{seed}", macro, seed=seed, teacher="runs/teacher", distillation={"temperature": 1.0})
        for seed, macro in enumerate([0.60, 0.70, 0.74])
    ]
    alone = finished(tmp_path / "alone-0", 0.55)
    on_its_way = unfinished(tmp_path / "long", RECIPE_FIELDS | {"fit": {"epochs": 9}, "adversarial": {"weight": 0.1}})
    bare = unfinished(tmp_path / "bare", None)
    files = ["--out", tmp_path / "new/compare.png", "--json", tmp_path / "compare.json"]
    assert compared(*kd, alone, on_its_way, kd[0], bare, *files) == 0
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == "parameters epochs last loss accuracy, % log loss seen, % unseen, %"
    # mean 68, deviations -8, 2, 6: sqrt((64 + 4 + 36) / 2) = 7.21
    figures = "– 68.0 ± 7.2 1.320 ± 0.072 73.0 ± 7.2 63.0 ± 7.2"
    assert rows[1] == f"kd (3 seeds) student cp_mobile 61,148 2 {figures}"
    assert rows[2] == "60.0 to 74.0 1.260 to 1.400 65.0 to 79.0 55.0 to 69.0"
    assert rows[3] == "alone-0 student cp_mobile 61,148 2 – 55.0 1.450 60.0 50.0"
    assert rows[4] == "[45.0, 65.0] [1.000, 1.500] [60.0, 90.0]"
    assert rows[5:7] == ["long not finished – 1 of 9 – – – – –", "bare not finished – 1 – – – – –"]
    assert "No last loss: these runs minimise different ones." in rows
    differing = rows[rows.index("What differs kd alone-0 long bare") + 1 :]
    assert differing[:4] == [
        "distillation.temperature 1.0 2.0 2.0 ?",
        "fit.epochs 2 2 9 ?",
        "teacher runs/teacher – – ?",
        "adversarial – – given ?",
    ]
    assert (tmp_path / "new/compare.png").read_bytes().startswith(b"\x89PNG")
    content = json.loads((tmp_path / "compare.json").read_text())
    group = content["groups"][0]
    spread = {"mean": 0.68, "deviation": 0.0721110, "least": 0.6, "most": 0.74, "n": 3}
    assert group["spread"]["macro"] == pytest.approx(spread, abs=1e-6)
    assert [(run["name"], run["seed"], run["figures"]["macro"]) for run in group["runs"]] == [
        ("kd-0", 0, 0.60),
        ("kd-1", 1, 0.70),
        ("kd-2", 2, 0.74),
    ]
    assert content["groups"][2]["runs"][0]["finished"] is False
    assert content["differences"]["fit.epochs"] == {"kd": 2, "alone-0": 2, "long": 9, "bare": None}


def taught_by(teacher: Path, out: Path, seed: int, named: str | None = None) -> Path:
    card = replace(CARD, lineage=artifact.lineage_of([teacher]))
    return finished(out, 0.7, seed=seed, teacher=named or str(teacher), card=card)


def names_of(*paths: Path) -> list[list[str]]:
    return [[run.name for run in group.runs] for group in runs.grouped(runs.read_all(paths))]


def test_students_of_repeated_teachers_are_repetitions_and_those_of_other_teachers_are_not(tmp_path):
    card = replace(CARD, stage="teacher")
    teachers = [finished(tmp_path / f"teacher-{seed}", 0.8, seed=seed, card=card) for seed in (0, 1)]
    other = finished(tmp_path / "teacher-other", 0.8, seed=1, fit={"epochs": 3}, card=card)
    students = [taught_by(teachers[seed], tmp_path / f"kd-{seed}", seed) for seed in (0, 1)]
    alone = taught_by(other, tmp_path / "kd-2", 2)
    # named from a folder that is not this one: found beside the student
    elsewhere = taught_by(teachers[0], tmp_path / "kd-3", 3, named="nowhere/teacher-0")
    waiting = unfinished(tmp_path / "kd-4", RECIPE_FIELDS | {"seed": 4, "teacher": str(teachers[0])})
    assert names_of(*students, alone, elsewhere, waiting) == [["kd-0", "kd-1", "kd-3", "kd-4"], ["kd-2"]]


def test_a_teacher_that_was_made_again_stands_for_none_of_its_former_students(tmp_path):
    card = replace(CARD, stage="teacher")
    teacher = finished(tmp_path / "teacher", 0.8, card=card)
    former = [taught_by(teacher, tmp_path / f"kd-{seed}", seed) for seed in (0, 1)]
    shutil.rmtree(teacher)
    finished(teacher, 0.9, seed=1, fit={"epochs": 3}, card=card)
    assert names_of(*former, taught_by(teacher, tmp_path / "kd-2", 2)) == [["kd-0", "kd-1"], ["kd-2"]]


def test_total_losses_are_compared_where_all_minimise_the_same(tmp_path):
    given = {
        "plain": {},
        "unheard": {"distillation": {"temperature": 9.0}, "adversarial": {"weight": 0.0, "hidden": 8}},  # no teacher
        "taught": {"teacher": "runs/teacher"},
        "hotter": {"teacher": "runs/teacher", "distillation": {"temperature": 9.0}},
        "adversarial": {"adversarial": {"weight": 0.1}},
        "smooth": {"label_smoothing": 0.1},
    }
    found = [runs.read(finished(tmp_path / name, 0.6, **of)).objective for name, of in given.items()]
    assert found[0] == found[1]
    assert all(found[place] not in found[:place] for place in range(2, 6))


def test_what_differs_is_no_wider_than_a_line_and_knows_what_belongs_to_an_architecture(tmp_path, capsys):
    paths = [
        finished(
            tmp_path / f"run-{letter}",
            0.6,
            architecture="cp_mobile",
            model={"channels": place},
            fit={"epochs": place, "schedule": "a schedule that is long to tell"},
        )
        for place, letter in enumerate("abcdefghijklmnopqrstuvwx")
    ]
    arguments = ["--out", tmp_path / "compare.png"]
    assert compared(*paths, *arguments) == 0
    text = capsys.readouterr().out
    lines = text[text.index("What differs") :].splitlines()
    assert max(map(len, lines)) <= 160
    heads = [line.split()[2:] for line in lines if line.startswith("What differs")]
    assert [len(head) for head in heads[:-1]] == [len(heads[0])] * (len(heads) - 1)
    assert [name for head in heads for name in head] == [path.name for path in paths]
    assert sum("model.channels" in line for line in lines) == len(heads) > 1
    other = finished(tmp_path / "other", 0.6, architecture="acdnet", model={"width": 1}, mel={"hop_length": 1})
    assert compared(*paths[:2], other, *arguments) == 0
    text = capsys.readouterr().out
    assert "architecture" in text
    assert "model" not in text[text.index("What differs") :]
    assert "mel" not in text[text.index("What differs") :]


def test_runs_of_one_seed_are_no_repetitions_and_names_are_told_apart(tmp_path, capsys):
    paths = [tmp_path / "old/kd-0", tmp_path / "new/kd-0", tmp_path / "new/0", tmp_path / "new/1"]
    for place, path in enumerate(paths):
        finished(path, 0.6, seed=max(0, place - 2), fit={"epochs": 2 + place // 2})
    assert compared(*paths, "--out", tmp_path / "compare.png") == 0
    shown = capsys.readouterr().out
    names = [line.split("  ")[0] for line in shown.splitlines()[1:7:2]]
    assert names == ["old/kd-0", "new/kd-0", "0, 1 (2 seeds)"]


def test_seeds_that_are_on_their_way_are_in_no_mean(tmp_path, capsys):
    done = [finished(tmp_path / f"kd-{seed}", 0.6 + 0.1 * seed, seed=seed) for seed in (1, 2)]
    waiting = unfinished(tmp_path / "kd-0", RECIPE_FIELDS)
    assert compared(waiting, *done, "--out", tmp_path / "compare.png") == 0
    row = " ".join(capsys.readouterr().out.splitlines()[1].split())
    assert row.startswith("kd (2 of 3 seeds) student cp_mobile 61,148 1 to 2 of 2 1.000 ± 0.000 75.0 ± 7.1 ")
    assert compared(*done, unfinished(tmp_path / "bare", None), "--out", tmp_path / "compare.png") == 0
    assert "differs" not in capsys.readouterr().out  # only one recipe is known


def test_a_score_on_nobody_knows_what_is_left_out(tmp_path, capsys):
    stranger = replace(CARD, data={"checksum": None, "train_devices": None})
    given = [finished(tmp_path / "own", 0.6), finished(tmp_path / "imported", 0.9, card=stranger)]
    assert compared(*given, "--out", tmp_path / "compare.png") == 0
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert rows[1].startswith("own student cp_mobile 61,148 2 1.000 60.0 ")
    assert "imported student cp_mobile 61,148 2 1.000 – – – –" in rows
    assert "Nothing differs in the recipes." in rows


@pytest.mark.parametrize(
    ("card", "message"),
    [
        (replace(CARD, labels=["tram", "bus"]), "other has the labels tram, bus, own has others"),
        (replace(CARD, data={"checksum": "bad", "train_devices": []}), "other was tested on other data than own"),
    ],
)
def test_what_cannot_be_compared_gets_one_line(tmp_path, capsys, card, message):
    paths = [finished(tmp_path / "own", 0.6), finished(tmp_path / "other", 0.6, card=card)]
    assert compared(*paths, "--out", tmp_path / "compare.png") == 1
    assert message in capsys.readouterr().err.strip().splitlines()[-1]
    assert not (tmp_path / "compare.png").exists()


def test_what_is_no_run_gets_one_line(tmp_path, capsys):
    run = finished(tmp_path / "run", 0.6)
    damaged = unfinished(tmp_path / "damaged", None)
    (tmp_path / "damaged.partial" / JSON_LINES).write_text('{"epoch": 1, "lo')
    for arguments, message in [
        ((tmp_path / "nothing",), "no model run at"),
        ((damaged,), "is damaged"),
        ((run, "--out", tmp_path), "is a folder: name the file to write"),
    ]:
        assert compared(*arguments) == 1
        assert message in capsys.readouterr().err.strip().splitlines()[-1]
    with pytest.raises(SystemExit, match="2"):
        compared("--out", tmp_path / "compare.png")
